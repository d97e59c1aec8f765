package ldap

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"
)

// A fake is a directory that does as the test says. It binds everybody, and can no StartTLS, unless bind and extended say otherwise.
type fake struct {
	url            string
	accepted       atomic.Int64
	searches       atomic.Int64
	answer         func(c net.Conn, id int64) // a search
	bind, extended func(c net.Conn, id int64)
	accept         func(c net.Conn) // before anything is read
}

// serve starts a fake. For each search answer gets the connection and the message's id.
func serve(t *testing.T, answer func(c net.Conn, id int64)) *fake {
	t.Helper()
	return (&fake{answer: answer}).serve(t)
}

func (f *fake) serve(t *testing.T) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.url = "ldap://" + l.Addr().String()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.accepted.Add(1)
			t.Cleanup(func() { c.Close() })
			go f.talk(c)
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return f
}

func (f *fake) talk(c net.Conn) {
	if f.accept != nil {
		f.accept(c)
	}
	bind, extended := f.bind, f.extended
	if bind == nil {
		bind = func(c net.Conn, id int64) { c.Write(result(id, goldap.ApplicationBindResponse, 0)) }
	}
	if extended == nil {
		extended = startTLS(goldap.LDAPResultProtocolError)
	}
	for {
		p, err := ber.ReadPacket(c)
		if err != nil || len(p.Children) < 2 {
			return
		}
		id, _ := p.Children[0].Value.(int64)
		switch p.Children[1].Tag {
		case goldap.ApplicationBindRequest:
			bind(c, id)
		case goldap.ApplicationSearchRequest:
			f.searches.Add(1)
			f.answer(c, id)
		case goldap.ApplicationExtendedRequest:
			extended(c, id)
		}
	}
}

// startTLS answers that question with a code, and goes on without TLS.
func startTLS(code int64) func(net.Conn, int64) {
	return func(c net.Conn, id int64) { c.Write(result(id, goldap.ApplicationExtendedResponse, code)) }
}

func silent(net.Conn, int64) {}

func message(id int64, op *ber.Packet) []byte {
	p := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	p.AppendChild(op)
	return p.Bytes()
}

func result(id int64, tag ber.Tag, code int64) []byte {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, ""))
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	return message(id, op)
}

// entry is of the person ada.
func entry(id int64, dn string) []byte {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, goldap.ApplicationSearchResultEntry, nil, "")
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, dn, ""))
	attributes := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	uid := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	uid.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "uid", ""))
	values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
	values.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "ada", ""))
	uid.AppendChild(values)
	attributes.AppendChild(uid)
	op.AppendChild(attributes)
	return message(id, op)
}

func reference(id int64) []byte {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, goldap.ApplicationSearchResultReference, nil, "")
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "ldap://elsewhere.example/dc=x", ""))
	return message(id, op)
}

func done(id int64) []byte { return result(id, goldap.ApplicationSearchResultDone, 0) }

func ended(code int64) func(net.Conn, int64) {
	return func(c net.Conn, id int64) { c.Write(result(id, goldap.ApplicationSearchResultDone, code)) }
}

// found answers every search with one entry, each time another one.
func found(c net.Conn, id int64) {
	c.Write(append(append(entry(id, fmt.Sprintf("cn=x%d", id)), reference(id)...), done(id)...))
}

func of(change func(*Options), servers ...*fake) Options {
	o := Options{BindDN: "cn=reader", BindPassword: "x", UserBase: "dc=x", UserFilter: "(uid={user})", GroupFilter: "(member={dn})", GroupName: dn,
		Nested: NestedNo, Depth: 10, Timeout: time.Minute}
	for _, s := range servers {
		o.URLs = append(o.URLs, s.url)
	}
	if change != nil {
		change(&o)
	}
	return o
}

// SECURITY E12, E13: whatever a server does, the question ends, is refused, or is put to another server.
func TestMisbehaviour(t *testing.T) {
	short := func(o *Options) { o.Timeout = 300 * time.Millisecond }
	hang := serve(t, silent)
	drip := serve(t, func(c net.Conn, id int64) {
		for _, b := range entry(id, strings.Repeat("x", 1000)) {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	good := serve(t, found)
	hangUp := serve(t, func(c net.Conn, _ int64) { c.Close() })
	garbage := serve(t, func(c net.Conn, _ int64) { c.Write(bytes.Repeat([]byte{0xff}, 1000)) })
	html := serve(t, func(c net.Conn, _ int64) { c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")); c.Close() })
	busy, unavailable := serve(t, ended(goldap.LDAPResultBusy)), serve(t, ended(goldap.LDAPResultUnavailable))
	for _, tt := range []struct {
		name string
		o    Options
		want string
	}{
		{"good, with references", of(nil, good), "cn=x"},
		{"hangs", of(short, hang), "error: " + hang.url + ": no whole answer within 300ms"},
		{"a byte at a time", of(short, drip), "error: " + drip.url + ": no whole answer within 300ms"},
		{"hangs, and the next does not", of(short, hang, good), "cn=x"},
		{"hangs up", of(nil, hangUp), "error: " + hangUp.url + ": "},
		{"hangs up, and the next does not", of(nil, hangUp, good), "cn=x"},
		{"garbage", of(nil, garbage, good), "cn=x"},
		{"a web server", of(nil, html, good), "cn=x"},
		{"busy", of(nil, busy), "error: " + busy.url + ": "},
		{"busy, and the next is not", of(nil, busy, unavailable, good), "cn=x"},
		{"refers to another server", of(nil, serve(t, ended(goldap.LDAPResultReferral)), good), "error: looking for the person: the directory refers to another server"},
		{"gives no more", of(nil, serve(t, ended(goldap.LDAPResultSizeLimitExceeded)), good), "error: more than one person"},
		{"refuses", of(nil, serve(t, ended(goldap.LDAPResultInsufficientAccessRights)), good), "error: looking for the person: LDAP Result Code 50"},
		{"cannot do StartTLS", of(func(o *Options) { o.StartTLS = true }, good), "error: " + good.url + ": StartTLS: "},
	} {
		if got := ask(t, tt.o, named("ada")); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// SECURITY E12, G5: a server that does not get as far as an answer keeps nobody, and is told nothing that was meant for TLS.
func TestMisbehaviourBeforeTheQuestion(t *testing.T) {
	t.Parallel()
	short := func(o *Options) { o.Timeout = 300 * time.Millisecond }
	secured := func(o *Options) { short(o); o.StartTLS = true }
	overTLS := func(o *Options) { short(o); o.URLs[0] = strings.Replace(o.URLs[0], "ldap:", "ldaps:", 1) }
	wait := make(chan struct{})
	t.Cleanup(func() { close(wait) })
	var bound atomic.Int64
	counting := func(c net.Conn, id int64) { bound.Add(1); c.Write(result(id, goldap.ApplicationBindResponse, 0)) }
	good := serve(t, found)
	for _, tt := range []struct {
		name   string
		fake   *fake
		change func(*Options)
		want   string // behind the address
	}{
		{"hangs at once", &fake{accept: func(net.Conn) { <-wait }}, short, "no answer within 300ms"},
		{"says what no LDAP server says", &fake{accept: func(c net.Conn) { c.Write([]byte("220 smtp.example.com ESMTP\r\n")) }}, short, ""},
		{"hangs at the bind", &fake{bind: silent}, short, "no answer within 300ms"},
		{"hangs up at the bind", &fake{bind: func(c net.Conn, _ int64) { c.Close() }}, short, ""},
		{"hangs in the handshake", &fake{accept: func(net.Conn) { <-wait }}, overTLS, "no answer within 300ms"},
		{"no TLS on the port of TLS", &fake{accept: func(c net.Conn) { c.Write(result(0, goldap.ApplicationExtendedResponse, 52)); c.Close() }}, overTLS, "TLS: "},
		{"hangs at StartTLS", &fake{extended: silent, bind: counting}, secured, "no answer within 300ms"},
		{"cannot do StartTLS", &fake{extended: startTLS(goldap.LDAPResultUnwillingToPerform), bind: counting}, secured, "StartTLS: "},
		{"says yes to StartTLS and answers the next question in plain", &fake{extended: func(c net.Conn, id int64) {
			startTLS(0)(c, id)
			c.Write(append(result(id+1, goldap.ApplicationBindResponse, 0), append(entry(id+2, "cn=x"), done(id+2)...)...))
			c.Close()
		}, bind: counting}, secured, "StartTLS: "},
	} {
		tt.fake.answer = found
		f := tt.fake.serve(t)
		o := of(tt.change, f)
		if got, want := ask(t, o, named("ada")), "error: "+o.URLs[0]+": "+tt.want; !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s, want %s", tt.name, got, want)
		}
		if o.StartTLS { // the other one cannot do that either
			continue
		}
		if o.URLs = append(o.URLs, good.url); !strings.HasPrefix(ask(t, o, named("ada")), "cn=x") {
			t.Errorf("%s, and the next one does not: got %s", tt.name, ask(t, o, named("ada")))
		}
	}
	if n := bound.Load(); n != 0 {
		t.Errorf("the password was sent %d times without TLS", n)
	}
	refers := &fake{answer: found, bind: func(c net.Conn, id int64) {
		c.Write(result(id, goldap.ApplicationBindResponse, goldap.LDAPResultReferral))
	}}
	if got := ask(t, of(short, refers.serve(t)), named("ada")); !strings.HasPrefix(got, "error: signing in as LDAP_BIND_DN: LDAP Result Code 10") {
		t.Errorf("refers to another server at the bind: got %s", got)
	}
}

// SECURITY G5: a good certificate of another host is none, with either kind of TLS.
func TestCertificateOfAnotherHost(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(nil)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS() // its certificate is for example.com and 127.0.0.1
	t.Cleanup(s.Close)
	authorities := x509.NewCertPool()
	authorities.AddCert(s.Certificate())
	var bound atomic.Int64
	upgrading := (&fake{answer: found, extended: func(c net.Conn, id int64) {
		startTLS(0)(c, id)
		tls.Server(c, s.TLS).Handshake()
		c.Close()
	}, bind: func(net.Conn, int64) { bound.Add(1) }}).serve(t)
	port := func(address string) string { return address[strings.LastIndexByte(address, ':'):] }
	for name, o := range map[string]Options{
		"TLS": of(func(o *Options) { o.URLs = []string{"ldaps://localhost" + port(s.URL)} }),
		"StartTLS": of(func(o *Options) {
			o.URLs, o.StartTLS = []string{"ldap://localhost" + port(upgrading.url)}, true
		}),
	} {
		o.CAs = authorities
		if got := ask(t, o, named("ada")); !strings.HasPrefix(got, "error: "+o.URLs[0]+": "+name) || !strings.Contains(got, "certificate is valid for") {
			t.Errorf("%s: got %s", name, got)
		}
	}
	if n := bound.Load(); n != 0 {
		t.Errorf("the password was sent %d times", n)
	}
}

// SECURITY E12: an answer about groups that is not whole is a failure, and never some of them; what is no answer to the question counts
// for nothing.
func TestPartOfTheGroups(t *testing.T) {
	t.Parallel()
	groupsEnd := func(end func(c net.Conn, id int64)) *fake { // the person is found, and a group
		var person atomic.Bool
		return serve(t, func(c net.Conn, id int64) {
			if person.CompareAndSwap(false, true) {
				c.Write(append(entry(id, "uid=ada"), done(id)...))
				return
			}
			c.Write(entry(id, "cn=staff"))
			end(c, id)
		})
	}
	short := func(o *Options) { o.Timeout = 300 * time.Millisecond }
	for _, tt := range []struct {
		name   string
		fake   *fake
		change func(*Options)
		want   string
	}{
		{"whole", groupsEnd(func(c net.Conn, id int64) { c.Write(done(id)) }), nil, "cn=staff"},
		{"the connection ends", groupsEnd(func(c net.Conn, _ int64) { c.Close() }), nil, "error: "},
		{"nothing more comes", groupsEnd(silent), short, "error: "},
		{"the end of another answer", groupsEnd(func(c net.Conn, id int64) { c.Write(done(id + 7)) }), short, "error: "},
		{"the directory shuts down", groupsEnd(func(c net.Conn, _ int64) {
			c.Write(result(0, goldap.ApplicationExtendedResponse, goldap.LDAPResultUnavailable))
		}), short, "error: "},
		{"its time is over", groupsEnd(ended(goldap.LDAPResultTimeLimitExceeded)), nil, "error: looking for groups: "},
		{"it gives no more", groupsEnd(ended(goldap.LDAPResultSizeLimitExceeded)), nil, "error: more than 1000 groups"},
		{"its administrator allows no more", groupsEnd(ended(goldap.LDAPResultAdminLimitExceeded)), nil, "error: looking for groups: "},
		{"it refers to another server", groupsEnd(ended(goldap.LDAPResultReferral)), nil, "error: looking for groups: "},
		{"10,000 groups", groupsEnd(func(c net.Conn, id int64) {
			var all []byte
			for i := range 10_000 {
				all = append(all, entry(id, fmt.Sprint("cn=", i))...)
			}
			c.Write(append(all, done(id)...))
		}), nil, "error: more than 1000 groups"},
		{"somebody else's groups beside", groupsEnd(func(c net.Conn, id int64) {
			c.Write(append(entry(id+7, "cn=admins"), done(id)...))
		}), nil, "cn=staff"},
	} {
		if got := ask(t, of(tt.change, tt.fake), named("ada")); !strings.HasPrefix(got, tt.want) || strings.HasPrefix(got, "cn=") && got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// SECURITY E12: a directory that never ends, or nests without end, costs no more memory than its bound.
func TestEndlessAnswers(t *testing.T) {
	endless := func(text []byte) func(net.Conn, int64) {
		return func(c net.Conn, id int64) {
			for {
				if _, err := c.Write(text); err != nil {
					return
				}
			}
		}
	}
	for name, server := range map[string]*fake{
		"entries": serve(t, func(c net.Conn, id int64) { endless(bytes.Repeat(entry(id, "cn=x"), 100))(c, id) }),
		"one entry": serve(t, func(c net.Conn, id int64) {
			c.Write([]byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff})
			endless(bytes.Repeat([]byte("\x04\x1exxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), 1000))(c, id)
		}),
		"nested": serve(t, endless(bytes.Repeat([]byte{0x30, 0x80}, 1000))),
	} {
		d, err := New(of(nil, server))
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := said(d.GroupsOf(t.Context(), named("ada")))
		runtime.ReadMemStats(&after)
		if !strings.HasPrefix(got, "error: ") {
			t.Errorf("%s: got %s", name, got)
		}
		grown := after.TotalAlloc - before.TotalAlloc
		t.Logf("%s: %.200s; %d MB allocated", name, got, grown>>20)
		if grown > 100<<20 {
			t.Errorf("%s: %d MB were allocated", name, grown>>20)
		}
	}
}

// A server that did not answer is asked last for a while: not every sign-in waits for it.
func TestDownServerIsLast(t *testing.T) {
	hangUp, good := serve(t, func(c net.Conn, _ int64) { c.Close() }), serve(t, found)
	d, err := New(of(nil, hangUp, good))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if got := said(d.GroupsOf(t.Context(), named("ada"))); !strings.HasPrefix(got, "cn=x") {
			t.Fatal(got)
		}
		d.pool.take().kill()
	}
	if n := hangUp.accepted.Load(); n != 1 {
		t.Errorf("the server that hangs up was asked %d times, want once", n)
	}
}
