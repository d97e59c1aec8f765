package outbound

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/ssobridge/ssobridge/sso"
)

// SECURITY F5, G5
func TestParseURL(t *testing.T) {
	for address, want := range map[string]string{
		"https://idp.example.com/jwks":             "",
		"https://10.0.0.7/jwks":                    "",
		"http://127.0.0.1:8080/jwks":               "",
		"http://localhost/jwks":                    "",
		"http://idp.localhost/jwks":                "",
		"http://[::1]/jwks":                        "",
		"http://[::ffff:127.0.0.1]/jwks":           "",
		"http://idp.example.com/jwks":              "https://",
		"http://127.0.0.1.example.com/jwks":        "https://",
		"ftp://idp.example.com/jwks":               "https://",
		"file:///etc/keys":                         "no address",
		"idp.example.com/jwks":                     "no address",
		"":                                         "no address",
		"https://":                                 "no address",
		"https://a b/":                             "no address",
		"https://ann:secret@idp.example.com/":      "password",
		"https://idp.example.com/jwks#keys":        "#",
		"https://169.254.169.254/latest/meta-data": "metadata",
		"https://[fe80::1]/":                       "metadata",
		"https://[fd00:ec2::254]/":                 "metadata",
		"https://[::ffff:169.254.169.254]/":        "metadata",
		"https://[64:ff9b::a9fe:a9fe]/":            "metadata",
		"https://100.100.100.200/":                 "metadata",
		"https://0.0.0.0/":                         "metadata",
	} {
		_, err := ParseURL(address)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%q: got %v, want %q", address, err, want)
		}
	}
	for address, want := range map[string]bool{
		"8.8.8.8": false, "10.1.2.3": false, "192.168.1.1": false, "100.64.0.1": false, "2001:db8::1": false, "fd00::1": false, "64:ff9b::808:808": false, "64:ff9b::7f00:1": false,
		"127.9.9.9": false, "::1": false, "169.254.0.1": true, "fe80::1%eth0": true, "224.0.0.1": true, "::": true, "64:ff9b::a9fe:1": true, "168.63.129.16": true,
	} {
		if got := isMetadata(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: metadata %v, want %v", address, got, want)
		}
	}
}

// SECURITY G5: the address that counts is the one that a name has when it is called.
func TestClientAddresses(t *testing.T) {
	if proxy, _ := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: "idp.example.com"}}); proxy != nil {
		t.Skip("a proxy looks names up here: unset HTTPS_PROXY to run this test")
	}
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	port := server.Listener.Addr().(*net.TCPAddr).Port
	answer := fakeDNS(t, [4]byte{127, 0, 0, 1})
	for _, test := range []struct {
		host    string
		address [4]byte
		want    string
	}{
		{"https://idp.example.com", [4]byte{127, 0, 0, 1}, "certificate"}, // it is called, and must show who it is
		{"https://idp.example.com", [4]byte{169, 254, 169, 254}, "metadata of a cloud"},
		{"https://idp.example.com", [4]byte{0, 0, 0, 0}, "metadata of a cloud"},
		{"https://idp.localhost", [4]byte{127, 0, 0, 1}, "certificate"},
		{"http://idp.localhost", [4]byte{192, 0, 2, 1}, "is called this machine, and has the address 192.0.2.1"}, // of no machine (RFC 5737)
	} {
		answer.Store(test.address)
		u, err := ParseURL(fmt.Sprintf("%s:%d/", test.host, port))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := Client(u, nil).Get(u.String())
		if err == nil {
			resp.Body.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s at %v: got %v, want %q", test.host, test.address, err, test.want)
		}
	}
}

func TestClient(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("it asks for %q", r.Header.Get("Accept-Encoding"))
		}
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	defer server.Close()
	u, err := ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := Client(u, nil)
	defer c.CloseIdleConnections()
	resp, err := c.Get(u.String())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusFound || c.Timeout != Timeout || c.Jar != nil {
		t.Errorf("status %d, time-out %v, jar %v; want the redirect itself, %v and none", resp.StatusCode, c.Timeout, c.Jar, Timeout)
	}
}

func TestParseCAs(t *testing.T) {
	for _, text := range []string{"", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"} {
		if _, err := ParseCAs("CA_FILE", []byte(text)); sso.CodeOf(err) != sso.Invalid || !strings.HasPrefix(err.Error(), "CA_FILE: ") {
			t.Errorf("%q: got %v, want %q", text, err, sso.Invalid)
		}
	}
}

// fakeDNS makes every name lead to one address.
func fakeDNS(t *testing.T, first [4]byte) (address *atomic.Value) {
	t.Helper()
	address = new(atomic.Value)
	address.Store(first)
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil {
				continue
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
					Body:   &dnsmessage.AResource{A: address.Load().([4]byte)},
				}}
			}
			if answer, err := m.Pack(); err == nil {
				conn.WriteTo(answer, from)
			}
		}
	}()
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		conn.Close()
	})
	return address
}

// Twenty calls at once leave twenty connections, which the next twenty use.
func TestClientKeepsConnections(t *testing.T) {
	const many = 20
	var opened atomic.Int32
	var arrived sync.WaitGroup
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived.Done()
		arrived.Wait() // all are there at once
		io.WriteString(w, "{}")
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	u, err := ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := Client(u, nil)
	for range 3 {
		arrived.Add(many)
		var calls sync.WaitGroup
		for range many {
			calls.Go(func() {
				resp, err := client.Get(u.String())
				if err != nil {
					t.Error(err)
					arrived.Done()
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			})
		}
		calls.Wait()
	}
	if got := opened.Load(); got > many {
		t.Errorf("got %d connections, want %d", got, many)
	}
}
