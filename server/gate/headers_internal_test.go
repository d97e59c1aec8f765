package gate

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// known are names of each kind, spelled as their users do.
var known = map[headerKind][]string{
	identity:   {headerUser, headerEmail, headerName, headerGroups, headerID, headerAssertion, "Remote-Anything"},
	target:     {forwardedMethod, forwardedProto, forwardedHost, forwardedURI, "X-Original-Url", "X-Original-Uri", "X-Original-Host", "X-Original-Method", "X-Rewrite-Url"},
	forwarded:  {"X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Anything", "X-Real-Ip", "Forwarded", "Proxy"},
	override:   {"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"},
	credential: {"Cookie", "Authorization", "X-Metabase-Session", "X-Api-Key"},
	framing:    {"Content-Length", "Transfer-Encoding", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Proxy-Authenticate", "Http2-Settings"},
	ordinary:   {"Accept", "X-Remote-User", "Remote", "Remoteuser", "Xmetabase-Session", "X-Metabase-Sessions", "X-Request-Id", "X-Forwarded", "Upgrade"},
}

// SECURITY H7: whatever byte that is no letter and no digit stands for a "-", and in whatever case, the kind is the same; and
// what not all servers read in one way is dropped, of every kind.
func TestKindOfEverySpelling(t *testing.T) {
	s := newSettings(&web.Site{Config: &setting.Config{BearerHeader: "X-Api-Key"}}, nil, nil)
	for want, names := range known {
		for _, name := range names {
			for c := range 256 {
				sign := string([]byte{byte(c)})
				if strings.ContainsAny(sign, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") {
					continue
				}
				for _, spelled := range []string{
					strings.ReplaceAll(name, "-", sign), strings.Replace(name, "-", sign, 1),
					strings.ReplaceAll(strings.ToUpper(name), "-", sign), strings.ReplaceAll(strings.ToLower(name), "-", sign),
				} {
					if got := s.kindOf(spelled); got != want {
						t.Errorf("%q: got kind %d, want %d", spelled, got, want)
					}
					h := http.Header{spelled: {"x"}}
					s.clean(h)
					kept := !strings.Contains(spelled, sign) || strings.Contains("-_.", sign)
					if (want == credential || want == framing) && strings.ContainsAny(spelled, "_.") {
						kept = false
					}
					if (len(h) == 1) != kept {
						t.Errorf("%q: kept %v, want %v", spelled, len(h) == 1, kept)
					}
					s.cleanTrailer(h)
					if len(h) == 1 && want != ordinary {
						t.Errorf("%q: stays as a trailer", spelled)
					}
				}
			}
		}
	}
}

// The check that a proxy waits for looks at every header of a request.
func TestKindOfAllocatesNothing(t *testing.T) {
	s := newSettings(&web.Site{Config: &setting.Config{BearerHeader: "X-Api-Key"}}, nil, nil)
	names := slices.Concat(known[target], known[ordinary], []string{"Sec-Ch-Ua-Full-Version-List", "Upgrade-Insecure-Requests"})
	if n := testing.AllocsPerRun(100, func() {
		for _, name := range names {
			s.kindOf(name)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// SECURITY H4: the headers of a proxy's question are told from those of clients by what kindOf says, whatever they begin with.
func TestPosesAsForwardedAsItsKindSays(t *testing.T) {
	s := newSettings(&web.Site{Config: &setting.Config{}}, nil, nil)
	own := []string{forwardedMethod, forwardedProto, forwardedHost, forwardedURI}
	posing := 0
	for _, names := range known {
		for _, name := range names {
			for _, spelled := range []string{name, strings.ToLower(name), strings.ReplaceAll(name, "-", "_"), strings.ToLower(strings.ReplaceAll(name, "-", ".")), strings.ReplaceAll(name, "-", "~")} {
				want := s.kindOf(spelled) == target && !slices.Contains(own, spelled)
				if got := s.posesAsForwarded(spelled); got != want {
					t.Errorf("%q: got %v, want %v", spelled, got, want)
				}
				if want {
					posing++
				}
			}
		}
	}
	if posing == 0 {
		t.Error("none poses")
	}
}
