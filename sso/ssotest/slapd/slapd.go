// Package slapd gives tests a directory: OpenLDAP's server with people who have Active Directory's names, too, and groups of
// groups that go in a circle.
package slapd

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ldap "github.com/go-ldap/ldap/v3"

	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// Where things are in the directory, and whom it lets read.
const (
	People   = "ou=people,dc=example,dc=org"
	Groups   = "ou=groups,dc=example,dc=org"
	Reader   = "uid=ssobridge,dc=example,dc=org"
	Password = "reader"
	root     = "cn=admin,dc=example,dc=org"
)

// A Directory is a server that runs.
type Directory struct {
	URL, TLS string // ldap:// and ldaps://, both of 127.0.0.1
	CAFile   string // the certificate of both, which is also for the name localhost
	admin    *ldap.Conn
}

const schema = `
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15{256} SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.656 NAME 'userPrincipalName' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15{1024} SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.4203.666.1.1 NAME 'adPerson' SUP top AUXILIARY MAY ( sAMAccountName $ userPrincipalName $ userAccountControl ) )
`

// config has %[1]s for the folder of the test.
const config = `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include %[1]s/ad.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile %[1]s/slapd.pid
TLSCertificateFile %[1]s/cert.pem
TLSCertificateKeyFile %[1]s/key.pem
sizelimit 500
database mdb
suffix dc=example,dc=org
rootdn cn=admin,dc=example,dc=org
rootpw secret
directory %[1]s/db
maxsize 104857600
index objectClass,uid,mail,sAMAccountName,member eq
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
`

// Start starts a server, with these people and groups in it, and ends it with the test. The server gives at most 500 entries.
func Start(t testing.TB) *Directory {
	t.Helper()
	path := ssotest.Need(t, "slapd", "apt-get install slapd")
	dir := t.TempDir()
	for name, text := range map[string]string{"ad.schema": schema, "slapd.conf": fmt.Sprintf(config, dir)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	authority := Certificate(t, dir)
	d := &Directory{URL: "ldap://127.0.0.1:" + ssotest.FreePort(t), TLS: "ldaps://127.0.0.1:" + ssotest.FreePort(t), CAFile: authority}
	ssotest.Process{
		Cmd: exec.Command(path, "-f", filepath.Join(dir, "slapd.conf"), "-h", d.URL+" "+d.TLS, "-d", "0"),
		Log: &ssotest.Buffer{},
		Ready: func() (err error) {
			if d.admin, err = ldap.DialURL(d.URL); err != nil {
				return err
			}
			return d.admin.Bind(root, "secret")
		},
	}.Start(t)
	t.Cleanup(func() { d.admin.Close() })
	d.seed(t)
	return d
}

func (d *Directory) seed(t testing.TB) {
	t.Helper()
	d.Add(t, "dc=example,dc=org", "objectClass", "dcObject", "objectClass", "organization", "o", "Example", "dc", "example")
	d.Add(t, People, "objectClass", "organizationalUnit")
	d.Add(t, Groups, "objectClass", "organizationalUnit")
	d.Add(t, Reader, "objectClass", "account", "objectClass", "simpleSecurityObject", "userPassword", Password)
	d.AddPerson(t, "uid=ada,"+People, "Ada Lovelace", "mail", "ada@example.org", "sAMAccountName", "ada", "userPrincipalName", "ada@corp.example.org", "userAccountControl", "512")
	d.AddPerson(t, "uid=bob,"+People, `Bob (Ops) \ *Star*`, "mail", "bob@example.org", "sAMAccountName", "bob", "userAccountControl", "514")
	d.AddGroup(t, "admins", "uid=bob,"+People)
	d.AddGroup(t, "research", "uid=ada,"+People)
	d.AddGroup(t, "science", "cn=research,"+Groups)
	d.AddGroup(t, "staff", "cn=science,"+Groups, "cn=loop,"+Groups)
	d.AddGroup(t, "loop", "cn=staff,"+Groups)
}

// Add adds an entry of attributes, each a name and a value.
func (d *Directory) Add(t testing.TB, dn string, attributes ...string) {
	t.Helper()
	values := map[string][]string{}
	for i := 0; i < len(attributes); i += 2 {
		values[attributes[i]] = append(values[attributes[i]], attributes[i+1])
	}
	request := ldap.NewAddRequest(dn, nil)
	for name, all := range values {
		request.Attribute(name, all)
	}
	if err := d.admin.Add(request); err != nil {
		t.Fatalf("%s: %v", dn, err)
	}
}

// AddPerson adds a person; the attributes are further ones.
func (d *Directory) AddPerson(t testing.TB, dn, name string, attributes ...string) {
	t.Helper()
	d.Add(t, dn, append([]string{"objectClass", "inetOrgPerson", "objectClass", "adPerson", "cn", name, "sn", name}, attributes...)...)
}

// AddGroup adds a group below [Groups] with these members.
func (d *Directory) AddGroup(t testing.TB, name string, members ...string) {
	t.Helper()
	attributes := []string{"objectClass", "groupOfNames"}
	for _, m := range members {
		attributes = append(attributes, "member", m)
	}
	d.Add(t, "cn="+ldap.EscapeDN(name)+","+Groups, attributes...)
}

// Delete removes an entry.
func (d *Directory) Delete(t testing.TB, dn string) {
	t.Helper()
	if err := d.admin.Del(ldap.NewDelRequest(dn, nil)); err != nil {
		t.Fatalf("%s: %v", dn, err)
	}
}

// Environ are settings with which people and groups are found, over TLS: people by {user} in uid, groups of groups step by step.
func (d *Directory) Environ() []string {
	return []string{
		"SSOBRIDGE_LDAP_URL=" + d.TLS, "SSOBRIDGE_LDAP_CA_FILE=" + d.CAFile, "SSOBRIDGE_LDAP_BIND_DN=" + Reader, "SSOBRIDGE_LDAP_BIND_PASSWORD=" + Password,
		"SSOBRIDGE_LDAP_USER_BASE=" + People, "SSOBRIDGE_LDAP_GROUP_BASE=" + Groups, "SSOBRIDGE_LDAP_NESTED=recursive",
	}
}

// Certificate makes a certificate of 127.0.0.1 and localhost, with its key, in cert.pem and key.pem of a folder, and returns the
// name of the first.
func Certificate(t testing.TB, dir string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "slapd of a test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "cert.pem")
}

// Port is the port of one of a directory's addresses.
func Port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }
