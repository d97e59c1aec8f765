package admin

import (
	"context"
	"slices"
	"strconv"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/admin/signin"
	"github.com/ssobridge/ssobridge/server/product"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

// A setUp is what the steps to connect a product are made of.
type setUp struct {
	c        *area.Call
	cfg      *setting.Config
	version  string
	provider *setting.Provider // the one that is connected, or is to be
	testable bool              // a test sign-in can begin
	through  bool              // somebody has signed in through a provider lately
	passkeys int               // of the administrator who looks
}

// steps are those that connect a product, for an administrator with so many passkeys. When all are done there are none.
func (a overviewArea) steps(c *area.Call, passkeys int) ([]templates.AdminStep, error) {
	cfg, version, err := a.Settings.Current(c.Request().Context())
	if err != nil {
		return nil, err
	}
	s := setUp{c: c, cfg: cfg, version: strconv.FormatInt(version, 10), provider: cfg.JWT, passkeys: passkeys}
	if on := cfg.LoginProviders(); len(on) > 0 {
		s.provider = on[0]
	}
	live := a.Host.Bridge().Providers.Named(s.provider.Name)
	s.testable = live != nil && live.Beginner != nil
	if s.through, err = a.signedInThrough(c.Request().Context(), cfg); err != nil {
		return nil, err
	}
	code, err := s.codeStep()
	if err != nil {
		return nil, err
	}
	all := []templates.AdminStep{s.addressStep(), s.secretStep(), code, s.tryStep(), s.mappingStep(), s.passkeyStep()}
	if s.provider.Kind == setting.KindOIDC {
		all = slices.Concat(all[:1], all[3:])
	}
	next := slices.IndexFunc(all, func(s templates.AdminStep) bool { return !s.Done })
	if next < 0 {
		return nil, nil
	}
	all[next].Open = all[next].Necessary
	return all, nil
}

// signedInThrough reports whether one of the last sign-ins was through a provider, and not by password.
func (a overviewArea) signedInThrough(ctx context.Context, cfg *setting.Config) (bool, error) {
	events, _, err := a.Store.Events(ctx, sso.EventQuery{Page: sso.Page{Limit: 100}, Kinds: []sso.EventKind{sso.EventSignIn}})
	return slices.ContainsFunc(events, func(e sso.Event) bool { return cfg.Provider(e.Provider) != nil }), err
}

// page is the provider's page, or a part of it.
func (s setUp) page(part string) string {
	return s.c.Link(area.PagesPrefix + signin.ProviderPath(s.provider.Name) + part)
}

// hidden are the fields of a form that saves settings and comes back here.
func (s setUp) hidden(more ...templates.AdminFact) []templates.AdminFact {
	return append([]templates.AdminFact{{Name: "version", Value: s.version}, {Name: "from", Value: "overview"}}, more...)
}

func (s setUp) addressStep() templates.AdminStep {
	step := templates.AdminStep{
		Text: "Give the address of your product’s sign-in page", Necessary: true, Done: s.provider.IdentityProviderURI != nil || s.provider.Kind == setting.KindOIDC,
		URL: s.page("#product"), Link: "All settings of the product",
		Help: []string{"The bridge sends people there to sign in, and your product sends them back. The page may be one that you write in the third step."},
	}
	if s.provider.Kind == setting.KindOIDC {
		step.Text, step.Help = "Say where your provider is", []string{"The bridge signs people in with OpenID Connect."}
		return step
	}
	if of := s.cfg.Find(s.provider.Setting("IDENTITY_PROVIDER_URI")); of != nil {
		f := signin.Field(of, s.cfg)
		field := templates.AdminStepField{Name: f.Name, Label: f.Label, Help: "Such as https://product.example.com/login. With the code of the third step on this machine: http://127.0.0.1:3535/login", Value: f.Value, Source: f.Source}
		step.Form = &templates.AdminStepForm{Action: s.page(""), Hidden: s.hidden(), Field: &field, Button: "Save the address"}
		if field.Source != "" {
			step.Form.Button = ""
		}
	}
	return step
}

func (s setUp) secretStep() templates.AdminStep {
	step := templates.AdminStep{
		Text: "Make the shared secret, and give it to your product", Necessary: true, Done: s.provider.HasKeys(), URL: s.page("#keys"), Link: "Keys of the product",
		Help: []string{"Your product signs what it says of people with a secret that only it and the bridge know. So nobody else can say it."},
	}
	switch source := s.cfg.Source(s.provider.Setting("SHARED_SECRET")); {
	case source.Fixed():
		step.Help = append(step.Help, "The secret comes from "+source.String()+". Give your product the same.")
	case step.Done:
		step.Help = append(step.Help, "There is a key already. A secret is shown once, when it is made. If it is lost, make another one: the old one goes on working beside it.")
	default:
		step.Help = append(step.Help, "The next page shows the secret once. Copy it into the settings of your product, under the name SSO_SECRET if you take the code of the next step.")
		step.Form = &templates.AdminStepForm{Action: s.page("/keys"), Hidden: s.hidden(templates.AdminFact{Name: "action", Value: "generate"}), Button: "Generate a secret"}
	}
	return step
}

// codeStep shows the page that the product needs. What the bridge expects of a token is in it.
func (s setUp) codeStep() (templates.AdminStep, error) {
	step := templates.AdminStep{
		Text: "Add one page to your product", Necessary: true, Done: s.through, URL: s.page("#rules"), Link: "The rules for tokens",
		Help: []string{"It signs the person in as your product always does, and sends the browser back with a signed token. These files are complete: put your own accounts in the place of “people”, and your own form in the place of “form”.",
			"They read the shared secret from SSO_SECRET, in the environment. The address of this bridge stands in them.",
			"The token is a signed text, a JSON Web Token (JWT). What it says are its claims: email, who the person is; exp, until when it holds, a minute ahead; jti, a random text, so that it counts once. first_name, last_name and groups may be added. A library makes it, as in these files."},
		Addresses: signin.Addresses(s.cfg, s.provider),
	}
	if p := s.provider; len(p.SharedSecrets) == 0 && p.HasKeys() {
		step.Help = append(step.Help, "This bridge has a public key of your product and no shared secret. So sign with your private key in the place of the secret.")
	}
	pages, err := product.Pages(s.cfg.URL(""), s.provider.Issuer)
	for _, p := range pages {
		step.Code = append(step.Code, templates.AdminCode{Language: p.Language, Text: p.Code})
	}
	return step, err
}

func (s setUp) tryStep() templates.AdminStep {
	step := templates.AdminStep{
		Text: "Sign in once through your product", Necessary: true, Done: s.through, URL: s.c.Link("/admin/try"), Link: "Look at a token",
		Help: []string{"Test it first. The test goes to the sign-in page of your product and comes back to a report. Nobody is signed in by it, and you stay who you are.",
			"When the test is fine, open the bridge in another browser and sign in. Then this step is done."},
	}
	if s.testable {
		step.Form = &templates.AdminStepForm{Action: s.c.Link(signin.TrialPath), Hidden: []templates.AdminFact{{Name: "provider", Value: s.provider.Name}}, Button: "Begin the test sign-in"}
	} else {
		step.Help = []string{"This can be done when the steps before are."}
	}
	return step
}

func (s setUp) mappingStep() templates.AdminStep {
	// Who lets people in and leaves the mapping off has decided so.
	mapped := slices.ContainsFunc(s.cfg.Providers, func(p *setting.Provider) bool { return len(p.GroupMappings) > 0 || !p.GroupSync && s.through })
	return templates.AdminStep{
		Text: "Say which groups people get", Done: mapped, URL: s.c.Link("/admin/mapping"), Link: "Group mapping",
		Help: []string{"Your product may send the groups of a person. The mapping says which groups they are in here. Before you save it you see who gains and loses what."},
	}
}

func (s setUp) passkeyStep() templates.AdminStep {
	return templates.AdminStep{
		Text: "Have a second way in for yourself: a passkey", Done: s.passkeys > 0, URL: s.c.Link("/auth/passkeys"), Link: "Your sign-in",
		Help: []string{"If your product is down, nobody signs in through it, and you could not mend it here. A passkey lets you in all the same."},
	}
}
