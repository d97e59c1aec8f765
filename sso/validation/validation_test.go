package validation

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

func endpoint(t *testing.T, h http.HandlerFunc) *Endpoint {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	e, err := New("PROVIDER_ACME_VALIDATION_URL", s.URL+"/validate", nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// What a server answers is good only where it is an object with a sub, and never waited for, read or followed without bound.
// SECURITY A14
func TestValidate(t *testing.T) {
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		want   sso.Code
	}{
		"good":          {say(200, `{"sub":"ann","groups":["a"]}`), ""},
		"no sub":        {say(200, `{"active":true}`), sso.TokenSignature},
		"sub a number":  {say(200, `{"sub":7}`), sso.TokenSignature},
		"sub null":      {say(200, `{"sub":null}`), sso.TokenSignature},
		"sub empty":     {say(200, `{"sub":""}`), sso.TokenSignature},
		"active":        {say(200, `{"sub":"ann","active":true}`), ""}, // as of RFC 7662
		"not active":    {say(200, `{"sub":"ann","active":false}`), sso.TokenSignature},
		"active a text": {say(200, `{"sub":"ann","active":"false"}`), sso.TokenSignature},
		"sub twice":     {say(200, `{"sub":"ann","sub":"bob"}`), sso.TokenSignature},
		"a list":        {say(200, `[{"sub":"ann"}]`), sso.TokenSignature},
		"HTML":          {say(200, `<html>sign in</html>`), sso.TokenSignature},
		"nothing":       {say(200, ``), sso.TokenSignature},
		"text after it": {say(200, `{"sub":"ann"}{"sub":"bob"}`), sso.TokenSignature},
		"201":           {say(201, `{"sub":"ann"}`), sso.ProviderUnavailable},
		"401":           {say(401, `{"sub":"ann"}`), sso.TokenSignature},
		"403":           {say(403, ``), sso.TokenSignature},
		"429":           {say(429, ``), sso.ProviderUnavailable},
		"500":           {say(500, `{"sub":"ann"}`), sso.ProviderUnavailable},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				t.Error("the redirect was followed")
			}
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, sso.ProviderUnavailable},
		"50 MB": {func(w http.ResponseWriter, _ *http.Request) {
			for range 50 {
				if _, err := w.Write([]byte(strings.Repeat(" ", 1<<20))); err != nil {
					return
				}
			}
		}, sso.ProviderUnavailable},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Write([]byte(`{"sub":"ann"`))
		}, sso.ProviderUnavailable},
	} {
		e := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer a.b.c" || r.Header.Get("Accept") != "application/json" || r.ContentLength > 0 {
				t.Errorf("%s: asked with %s %v", name, r.Method, r.Header)
			}
			tt.answer(w, r)
		})
		claims, until, err := e.Validate(t.Context(), "192.0.2.0/24", "a.b.c")
		if sso.CodeOf(err) != tt.want || (tt.want == "") != (claims["sub"] == "ann") || strings.Contains(fmt.Sprint(err), "a.b.c") {
			t.Errorf("%s: got %v, %v", name, claims, err)
		}
		if tt.want == "" && time.Until(until) > Remembered {
			t.Errorf("%s: believed until %v", name, until)
		}
	}
	if _, err := New("PROVIDER_ACME_VALIDATION_URL", "http://169.254.169.254/", nil, time.Now); sso.CodeOf(err) != sso.Invalid || !strings.HasPrefix(err.Error(), "PROVIDER_ACME_VALIDATION_URL: ") {
		t.Errorf("got %v", err)
	}
}

func say(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		w.Write([]byte(body))
	}
}

// A server that hangs keeps nobody longer than they wait.
func TestValidateHangs(t *testing.T) {
	release := make(chan struct{})
	e := endpoint(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := e.Validate(ctx, "192.0.2.0/24", "a.b.c"); sso.CodeOf(err) != sso.ProviderUnavailable {
		t.Errorf("got %v", err)
	}
}

// Each token gets the answer to its own question, whoever asks at the same time; of one token there is one question, and who is
// refused is not asked about again at once (CVE-2026-71326).
func TestValidateTogether(t *testing.T) {
	var asked atomic.Int64
	release := make(chan struct{})
	e := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		<-release
		fmt.Fprintf(w, `{"sub":%q}`, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	})
	var all sync.WaitGroup
	for i := range 40 {
		token := fmt.Sprintf("t%d", i%8)
		all.Go(func() {
			claims, _, err := e.Validate(t.Context(), "192.0.2.0/24", token)
			if err != nil || claims["sub"] != token {
				t.Errorf("%s: got %v, %v", token, claims, err)
			}
		})
	}
	for {
		e.mu.Lock()
		n := len(e.asking)
		e.mu.Unlock()
		if n == 8 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	close(release)
	all.Wait()
	if n := asked.Load(); n < 8 || n > 40 {
		t.Errorf("%d questions", n)
	}
	refuses := endpoint(t, func(w http.ResponseWriter, _ *http.Request) { asked.Add(1); w.WriteHeader(401) })
	before := asked.Load()
	for range 5 {
		if _, _, err := refuses.Validate(t.Context(), "192.0.2.0/24", "junk"); sso.CodeOf(err) != sso.TokenSignature {
			t.Errorf("got %v", err)
		}
	}
	if n := asked.Load() - before; n != 1 {
		t.Errorf("junk was asked about %d times", n)
	}
}

// Whatever is answered: what is good has a sub.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"sub":"ann","groups":["a"]}`))
	f.Add([]byte(`{"sub":{"sub":"ann"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		claims, err := read(body)
		if sub, _ := claims["sub"].(string); (err == nil) != (sub != "") {
			t.Errorf("got %v, %v", claims, err)
		}
	})
}
