package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/explanation"
	"github.com/ssobridge/ssobridge/server/ssobridge"
	"github.com/ssobridge/ssobridge/sso"
	explainer "github.com/ssobridge/ssobridge/sso/explain"
	"github.com/ssobridge/ssobridge/store"
)

// noStore is for a bridge that is made and not used.
type noStore struct{ ssobridge.Store }

func (noStore) EnsureGroups(context.Context, []string, sso.Event) ([]sso.Group, error) {
	return nil, nil
}

// explainStore lets a bridge be made without creating the groups that mappings name: an explanation changes nothing.
type explainStore struct{ *store.Store }

func (explainStore) EnsureGroups(context.Context, []string, sso.Event) ([]sso.Group, error) {
	return nil, nil
}

// explain runs the very code of a sign-in, and undoes it.
func explain(f *flags) runner {
	p := f.p
	asJSON := f.Bool("json", false, "print JSON")
	return func(ctx context.Context, args []string) error {
		text, err := p.argument(args)
		if err != nil {
			return err
		}
		switch text = strings.TrimSpace(text); {
		case text == "":
			return withHint("give it the token, or the whole URL that the identity provider sent the browser to, in quotes", errors.New("there is nothing to explain"))
		case sso.IsReference(text):
			return usageError("search for it in the log, or under Activity in /admin: there is why it was refused",
				"%s is the reference of a refusal, and no token", strings.ToUpper(text))
		}
		o, st, remove, err := f.openToExplain(ctx)
		if err != nil {
			return err
		}
		defer remove()
		b, err := ssobridge.Explainer(ctx, o.cfg, st, o.store.Services(), p.now, slog.New(slog.DiscardHandler)) // the explanation says it all
		if err != nil {
			return joinError(err)
		}
		e, err := explainer.Pasted(ctx, b, text, "")
		if err != nil {
			return withHint("the sign-in's event, in the log and the trail, says how it went", errors.New("the text "+sso.Reason(err)))
		}
		if e.Code == sso.StoreUnavailable || e.Code == sso.Internal {
			return databaseError(fmt.Errorf("%s: %w", firstFailure(e), e.Code))
		}
		if *asJSON {
			err = p.printJSON(explanation.JSON(e))
		} else {
			explanation.Print(p.stdout, o.cfg, e)
		}
		if err == nil && !e.Accepted {
			err = exitStatus(1)
		}
		return err
	}
}

// firstFailure is the detail of the check that failed first.
func firstFailure(e sso.Explanation) string {
	for _, c := range e.Checks {
		if !c.OK {
			return c.Detail
		}
	}
	return "the sign-in could not be judged" // the database failed between two checks
}

// openToExplain opens the database, or an empty one that is removed afterwards when there is none yet.
func (f *flags) openToExplain(ctx context.Context) (*opened, ssobridge.Store, func(), error) {
	cfg, err := f.sound(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	if !isFresh(cfg) {
		o, err := f.open(ctx, false)
		if err != nil {
			return nil, nil, nil, err
		}
		return o, explainStore{o.store}, func() { o.store.Close() }, nil
	}
	path, _ := cfg.SQLitePath()
	fmt.Fprintf(f.p.stderr, "there is no database %s yet: judged as if nobody had ever signed in\n", path)
	dir, err := os.MkdirTemp("", "ssobridge-explain-")
	if err != nil {
		return nil, nil, nil, err
	}
	o := &opened{cfg: cfg, log: f.p.logger(cfg)}
	o.store, err = store.Open(ctx, "sqlite:"+filepath.Join(dir, "explain.db"), store.Options{Now: f.p.now, Secret: []byte(rand.Text() + rand.Text()), Log: o.log})
	if err == nil {
		_, err = o.store.Migrate(ctx)
	}
	remove := func() {
		if o.store != nil {
			o.store.Close()
		}
		os.RemoveAll(dir)
	}
	if err != nil {
		remove()
		return nil, nil, nil, err
	}
	return o, o.store, remove, nil
}
