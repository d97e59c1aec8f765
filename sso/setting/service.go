package setting

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/sso/setting/parse"
)

// serviceSettings are about the tokens of service accounts. None is Changeable: the key is a file where the bridge runs, and
// another issuer or kid would make the tokens that there are worthless.
func serviceSettings() []Setting {
	return []Setting{
		{Name: "SERVICE_KEY_FILE", AtStart: true, Section: SectionService, Type: "file",
			Help: "the private key that signs the tokens of service accounts, as PEM or DER; it is read again when it changes. Unset: the bridge makes its own, and the next one every 90 days",
			show: shownFile,
			set:  field(func(c *Config) *string { return &c.ServiceKeyFile }, parse.Optional(fileName))},
		{Name: "SERVICE_PUBLIC_KEY_FILE", AtStart: true, Section: SectionService, Type: "file",
			Help: "the public key of SERVICE_KEY_FILE; it is not needed, and when it is set the two must belong together",
			show: shownFile,
			set:  field(func(c *Config) *string { return &c.ServicePublicKeyFile }, parse.Optional(fileName))},
		{Name: "SERVICE_KEY_ID", AtStart: true, Section: SectionService, Type: "text",
			Help: "the `kid` of that key in tokens and in the published key set; unset: the thumbprint of the key",
			set:  field(func(c *Config) *string { return &c.ServiceKeyID }, parse.PlainText)},
		{Name: "SERVICE_KEY_ALG", AtStart: true, Section: SectionService, Choices: serviceAlgorithms(),
			Help: "the algorithm with which SERVICE_KEY_FILE signs; unset: `RS256` of an RSA key, and of others the one that such a key has",
			set:  field(func(c *Config) *string { return &c.ServiceKeyAlg }, parse.Optional(serviceAlgorithm))},
		{Name: "SERVICE_ISSUER", AtStart: true, Section: SectionService, Type: "text",
			Help: "the `iss` of the tokens of service accounts; unset: SITE_URL",
			set:  field(func(c *Config) *string { return &c.ServiceIssuer }, parse.PlainText)},
		{Name: "SYSTEM_TOKEN_FILE", Section: SectionService, Type: "file",
			Help: "where `tokens init` saves the system token, for calls between services, and `tokens show system` reads it; unset: `system.token` in the folder of `--dir`",
			show: shownFile,
			set:  field(func(c *Config) *string { return &c.SystemTokenFile }, parse.Optional(fileName))},
	}
}

// OwnIssuer is the iss of the tokens of service accounts.
func (c *Config) OwnIssuer() string { return cmp.Or(c.ServiceIssuer, string(c.SiteURL)) }

// apartFromOwn refuses a provider of API clients with the issuer of service accounts: it would judge their tokens, and knows
// nothing of those that are revoked (SECURITY J2).
func (j *judge) apartFromOwn() {
	for _, p := range j.c.EnabledProviders() {
		if p.Bearer.On && p.Issuer != "" && p.Issuer == j.c.OwnIssuer() {
			j.fault(p.Setting("ISSUER"), "is that of the tokens of service accounts, too", "set SERVICE_ISSUER to another one, or do not set it; or give the provider its own",
				"SERVICE_ISSUER", "SITE_URL")
		}
	}
}

func serviceAlgorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

func serviceAlgorithm(text string) (string, error) {
	if !slices.Contains(serviceAlgorithms(), text) {
		return "", errors.New("is one of " + strings.Join(serviceAlgorithms(), ", "))
	}
	return text, nil
}

// openMetadata are the names under which OpenMetadata has these settings, by ours. They are common words, and mean something
// else to other programs: they count only without a prefix, and only beside openMetadataKey.
func openMetadata() map[string]string {
	return map[string]string{
		"SERVICE_KEY_FILE":        openMetadataKey,
		"SERVICE_PUBLIC_KEY_FILE": "RSA_PUBLIC_KEY_FILE_PATH",
		"SERVICE_KEY_ID":          "JWT_KEY_ID",
		"SERVICE_ISSUER":          "JWT_ISSUER",
	}
}

const openMetadataKey = "RSA_PRIVATE_KEY_FILE_PATH"

// openMetadataName is the name of a setting in OpenMetadata's environment; "" where it has none or none counts.
func (r *resolver) openMetadataName(s *Setting) string {
	if r.env[openMetadataKey] == "" {
		return ""
	}
	return openMetadata()[s.Name]
}

// halfOfOpenMetadata is a public key without its private one: somebody expects tokens that nobody can sign.
func (r *resolver) halfOfOpenMetadata() {
	const public = "RSA_PUBLIC_KEY_FILE_PATH"
	if r.env[public] != "" && r.env[openMetadataKey] == "" {
		r.strange(public, "environment", "is set, and "+openMetadataKey+" is not", "set it as well, or SSOBRIDGE_SERVICE_KEY_FILE, or leave this one out")
	}
}

// insteadOfOpenMetadata says what to write for one of its names with our prefix; "" for other names.
func insteadOfOpenMetadata(name string) string {
	for ours, theirs := range openMetadata() {
		if name == envPrefix+theirs && theirs != "JWT_ISSUER" {
			return "write " + envPrefix + ours
		}
	}
	return ""
}
