package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"sync/atomic"
	"time"
)

// How much more a bridge may hold at the end of a soak than in its middle.
const maxGrowth = 1.25

// benchSoak keeps a bridge under a mixed load, and looks at what it holds on to.
func benchSoak(ctx context.Context, o options) (table, []target, error) {
	fail := func(err error) (table, []target, error) { return table{}, nil, err }
	metrics, err := freePort()
	if err != nil {
		return fail(err)
	}
	b, _, err := startBridge(ctx, o.program, o.dir, "SSOBRIDGE_METRICS_LISTEN="+metrics, "SSOBRIDGE_LOG_LEVEL=error")
	if err != nil {
		return fail(err)
	}
	defer b.stop()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := soak{bridge: b}
	ended := make(chan error, 1)
	go func() { ended <- together(soakers, func() error { return s.visit(ctx) }) }()

	t := table{Name: fmt.Sprintf("%v under a mixed load: sign-ins, checks, refusals, sign-outs", o.soak)}
	t.Grid = &grid{Columns: []string{"minutes", "sign-ins", "goroutines", "descriptors", "resident MB", "of it own"}}
	began := time.Now()
	for _, at := range []struct {
		name string
		part time.Duration
	}{{"start", o.soak / 10}, {"middle", o.soak / 2}, {"end", o.soak}} {
		o.progress("soaking until the " + at.name)
		select {
		case <-time.After(at.part - time.Since(began)):
		case err := <-ended:
			return fail(fmt.Errorf("the load ended: %w\n%s", err, b.tail()))
		}
		figures, err := b.keeps(ctx, metrics)
		if err != nil {
			return fail(err)
		}
		figures = append([]float64{time.Since(began).Minutes(), float64(s.people.Load())}, figures...)
		t.Grid.Lines = append(t.Grid.Lines, gridLine{at.name, figures})
	}
	stop()
	<-ended // what is on its way has been stopped
	var targets []target
	middle, end := t.Grid.Lines[1].Figures, t.Grid.Lines[2].Figures
	for i := 2; i < len(end); i++ {
		targets = append(targets, atMost(t.Grid.Columns[i]+" at the end ÷ in the middle", end[i]/middle[i], maxGrowth, ""))
	}
	return t, targets, nil
}

// soakers visit the bridge at once.
const soakers = 8

type soak struct {
	bridge *bridge
	people atomic.Int64
}

// visit signs people in, has them checked and signs them out, until ctx ends. Every third is new; a token comes twice.
func (s *soak) visit(ctx context.Context) error {
	for ctx.Err() == nil {
		n := s.people.Add(1)
		person := n % 1000
		if n%3 == 0 {
			person = n
		}
		if err := s.stay(ctx, person, n); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

func (s *soak) stay(ctx context.Context, person, number int64) error {
	addr := s.bridge.addr
	signed, err := token(person, number, time.Now(), "")
	if err != nil {
		return err
	}
	conn, in, err := dial(ctx, addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	a, err := exchange(conn, in, login(addr, signed))
	if err != nil || a.status != 302 || len(a.cookie) == 0 {
		return errors.Join(err, fmt.Errorf("a sign-in: status %d", a.status))
	}
	cookie := string(a.cookie)
	again, refused := get(addr, "/auth/sso?jwt="+signed, "Accept: application/json"), 401
	check := get(addr, "/auth/verify", "Cookie: "+cookie)
	for _, r := range []struct {
		request []byte
		status  int
	}{{check, 200}, {check, 200}, {again, refused}, {check, 200}, {signOut(addr, cookie), 0}, {check, 401}} {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
		a, err := exchange(conn, in, r.request)
		if err != nil || r.status > 0 && a.status != r.status {
			return errors.Join(err, fmt.Errorf("got status %d, want %d: %.60q", a.status, r.status, r.request))
		}
	}
	return nil
}

// goroutines is the line of the metrics that counts them.
var goroutines = regexp.MustCompile(`(?m)^go_goroutines (\d+)$`)

// keeps are the goroutines, the descriptors and the memory of the bridge.
func (b *bridge) keeps(ctx context.Context, metrics string) ([]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+metrics+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	found := goroutines.FindSubmatch(text)
	if found == nil {
		return nil, errors.New("the metrics have no go_goroutines")
	}
	running, _ := strconv.ParseFloat(string(found[1]), 64)
	open, err1 := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.pid))
	m, err2 := b.memory()
	return []float64{running, float64(len(open)), megabytes(m.Resident), megabytes(m.Own)}, errors.Join(err1, err2)
}
