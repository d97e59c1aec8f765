// Package address compares e-mail addresses. Two functions are all that is needed: [Check] accepts what is one plain mailbox,
// and [Key] gives each mailbox that it accepts a key that no other one has.
//
// It stands alone since it is tables more than rules: those of Unicode and of domain names.
package address

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Lengths of an address in bytes, with its domain in A-labels: RFC 5321 §4.5.3.1 (a path less its angle brackets),
// RFC 1035 §2.3.4.
const (
	MaxLength = 254
	maxLocal  = 64
	maxDomain = 255
	maxLabel  = 63
)

// Check refuses what is not one plain mailbox as RFC 5321 §4.1.2 has it, and what could be read as another: several
// "@", quotes and comments, letters that show nothing or that some comparison makes ASCII (SECURITY E1, E10, E11).
// What it accepts, [Key] gives a key that no other mailbox has.
func Check(email string) error {
	local, domain, found := strings.Cut(email, "@")
	switch {
	case len(email) > MaxLength:
		return fmt.Errorf("not an e-mail address: it has more than %d bytes", MaxLength)
	case !utf8.ValidString(email):
		return errors.New("not an e-mail address: it is not UTF-8")
	case strings.ContainsAny(email, `"()<>`):
		return errors.New("not a plain e-mail address: leave out quotes, comments in brackets and a name beside the address")
	case !found || local == "" || domain == "" || strings.Contains(domain, "@"):
		return errors.New("not an e-mail address: it needs one @ with something on both sides")
	}
	if err := checkLocalPart(local); err != nil {
		return err
	}
	ascii, err := asciiDomain(domain)
	if err != nil {
		return err
	}
	if len(local)+1+len(ascii) > MaxLength {
		return fmt.Errorf("not an e-mail address: it has more than %d bytes, with its domain in the form xn--", MaxLength)
	}
	return nil
}

// checkLocalPart accepts a dot-string (RFC 5321 §4.1.2), with letters of every alphabet (RFC 6531 §3.3).
func checkLocalPart(local string) error {
	switch {
	case len(local) > maxLocal:
		return fmt.Errorf("not an e-mail address: there are more than %d bytes before the @", maxLocal)
	case local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, ".."):
		return errors.New("not an e-mail address: before the @, a dot stands between two other characters")
	}
	for _, r := range local {
		if strings.ContainsRune(`,;:[]\`, r) {
			return fmt.Errorf("not an e-mail address: it has the character %q", r)
		}
		if err := checkRune(r); err != nil {
			return err
		}
	}
	// Of two ways to write the same letter with the same marks, one is accepted, and lower case does not make the other.
	if first, _ := utf8.DecodeRuneInString(local); unicode.Is(unicode.M, first) ||
		!norm.NFC.IsNormalString(local) || !norm.NFC.IsNormalString(strings.Map(lowerCase, local)) {
		return errors.New("not an e-mail address we can compare: send composed characters (Unicode NFC) in lower case")
	}
	return nil
}

// checkRune holds outside ASCII to about what RFC 8264 §4.2 allows in identifiers: letters, marks and digits that are
// no other form of something else.
func checkRune(r rune) error {
	switch {
	case ' ' < r && r < unicode.MaxASCII:
		return nil
	case r <= ' ' || unicode.IsSpace(r) || unicode.IsControl(r) || ShowsNothing(r):
		return fmt.Errorf("not an e-mail address: it has a space, a control character or one that shows nothing (%U)", r)
	case r == utf8.RuneError:
		return errors.New("not an e-mail address: it has a character that was not valid Unicode")
	case !unicode.In(r, unicode.L, unicode.Mn, unicode.Mc, unicode.Nd):
		return fmt.Errorf("not an e-mail address: %q (%U) is neither a letter nor a digit", r, r)
	case becomesASCII(r):
		return fmt.Errorf("not an e-mail address we can compare: %q (%U) can be read as an ASCII character", r, r)
	case norm.NFKC.String(string(r)) != string(r):
		return fmt.Errorf("not an e-mail address we can compare: %q (%U) is a form of another character", r, r)
	}
	return nil
}

// ShowsNothing finds the characters by which two addresses differ and look the same: those that a program without the
// means to show them leaves out (Unicode's Default_Ignorable_Code_Point), and blanks that are letters.
func ShowsNothing(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) ||
		r == '\u2800' || r >= '\U00013441' && r <= '\U00013442' || r == '\U00016FE4' // Braille, Egyptian, Khitan
}

// becomesASCII finds the characters outside ASCII that some way of comparing text makes ASCII: another case (K for
// Kelvin, long s, I with a dot, i without one) or another form (full-width letters, superscripts, ligatures). With them
// two different texts would be one mailbox (SECURITY E10). No one mapping has them all: SimpleFold maps U+0130 to itself,
// and ToLower maps it to "i".
func becomesASCII(r rune) bool {
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		if f <= unicode.MaxASCII {
			return true
		}
	}
	return min(unicode.ToLower(r), unicode.ToUpper(r), unicode.ToTitle(r)) <= unicode.MaxASCII ||
		strings.ContainsFunc(norm.NFKC.String(string(r)), func(r rune) bool { return r <= unicode.MaxASCII })
}

// Key is the form in which e-mail addresses are compared: lower case, letter by letter (Unicode simple mapping), and
// the domain in A-labels (RFC 5890 §2.3.2.1), so that a domain has one key in letters and as xn--. In the local part a
// letter outside ASCII never becomes one of ASCII, whatever text comes (SECURITY E10). The key of what [Check]
// refuses is the key of no other address.
func Key(email string) string {
	local, domain, found := strings.Cut(email, "@")
	switch plain := !found || plainDomain(domain); {
	case plain && isASCII(email): // most: a sign-in makes several keys, some of them while all others wait for it
		return strings.ToLower(email)
	case plain:
		return strings.Map(lowerCase, email)
	}
	ascii, err := asciiDomain(domain)
	if err != nil {
		return strings.Map(lowerCase, email)
	}
	return strings.Map(lowerCase, local) + "@" + ascii
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func lowerCase(r rune) rune {
	lower := unicode.ToLower(r)
	if lower <= unicode.MaxASCII && r > unicode.MaxASCII {
		return r
	}
	return lower
}

// plainDomain reports whether a domain has neither letters outside ASCII nor their other form.
func plainDomain(domain string) bool {
	for i := range len(domain) {
		if domain[i] >= utf8.RuneSelf || domain[i]|0x20 == aLabelPrefix[0] && isALabel(domain[i:]) {
			return false
		}
	}
	return true
}

const aLabelPrefix = "xn--"

func isALabel(label string) bool {
	return len(label) >= len(aLabelPrefix) && strings.EqualFold(label[:len(aLabelPrefix)], aLabelPrefix)
}

// asciiDomain returns the one form of a domain of RFC 5321 §4.1.2: lower case, in A-labels.
func asciiDomain(domain string) (string, error) {
	switch {
	case domain[0] == '[':
		return "", errors.New("not an e-mail address we accept: send the name of a domain instead of an address in brackets")
	case len(domain) > maxDomain: // before anything that costs more than its length
		return "", fmt.Errorf("not an e-mail address: the domain has more than %d bytes", maxDomain)
	}
	for _, r := range domain {
		if err := checkRune(r); err != nil {
			return "", err
		}
		if r <= unicode.MaxASCII && !isDomainByte(byte(r)) {
			return "", fmt.Errorf("not an e-mail address: the domain has the character %q", r)
		}
	}
	lower := strings.Map(lowerCase, domain)
	if plainDomain(domain) {
		return lower, checkDomain(lower)
	}
	ascii, err := aLabels(lower)
	if err == nil {
		err = checkDomain(ascii)
	}
	return ascii, err
}

// checkDomain holds a domain in ASCII to RFC 5321 §4.1.2.
func checkDomain(ascii string) error {
	if len(ascii) > maxDomain {
		return fmt.Errorf("not an e-mail address: the domain has more than %d bytes in the form xn--", maxDomain)
	}
	for label := range strings.SplitSeq(ascii, ".") {
		switch {
		case label == "":
			return errors.New("not an e-mail address: in the domain, a dot stands between two names")
		case label[0] == '-' || label[len(label)-1] == '-':
			return errors.New("not an e-mail address: no part of a domain begins or ends with a hyphen")
		case len(label) > maxLabel:
			return fmt.Errorf("not an e-mail address: a part of the domain has more than %d bytes", maxLabel)
		}
	}
	return nil
}

func isDomainByte(c byte) bool {
	return c == '.' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// aLabels turns the letters of a domain into A-labels, and accepts of those that are there already the ones alone that the
// letters lead back to (RFC 5891 §5.4): each domain has one form.
func aLabels(domain string) (string, error) {
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		return "", fmt.Errorf("not an e-mail address: the domain is no domain name (%w)", err)
	}
	letters, err := idna.Lookup.ToUnicode(ascii)
	if err != nil {
		return "", fmt.Errorf("not an e-mail address: the domain is no domain name (%w)", err)
	}
	again, err := idna.Lookup.ToASCII(letters)
	sent, made, meant := strings.Split(domain, "."), strings.Split(ascii, "."), strings.Split(letters, ".")
	if err != nil || again != ascii || len(sent) != len(made) || len(meant) != len(made) {
		return "", errors.New("not an e-mail address: the domain has more than one form")
	}
	for i, label := range sent {
		if err := checkLabel(label, made[i], meant[i]); err != nil {
			return "", err
		}
	}
	return ascii, nil
}

// checkLabel judges one part of a domain: as it was sent, in ASCII and in letters.
func checkLabel(sent, ascii, letters string) error {
	for _, r := range letters {
		if err := checkRune(r); err != nil {
			return err
		}
	}
	switch {
	case isALabel(sent) && (sent != ascii || onlyASCII(letters) == letters):
		return fmt.Errorf("not an e-mail address: the domain's %.63q is not in the form of RFC 5891", sent)
	case !isALabel(sent) && onlyASCII(sent) != onlyASCII(letters): // ẞ would be ss
		return fmt.Errorf("not an e-mail address we can compare: in the domain's %q, a letter can be read as ASCII", letters)
	}
	return nil
}

func onlyASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII {
			return -1
		}
		return r
	}, s)
}

// Domain is the domain of an address that [Check] accepts, in the one form that [Key] has of it; "" for what has none.
func Domain(email string) string {
	_, domain, _ := strings.Cut(Key(email), "@")
	return domain
}

// Letters is an address with its domain in letters; "" where it has neither letters outside ASCII nor their form xn--, and
// the address itself where the domain is none.
func Letters(email string) string {
	local, domain, found := strings.Cut(email, "@")
	if !found || plainDomain(domain) {
		return ""
	}
	letters, err := idna.Lookup.ToUnicode(domain)
	if err != nil {
		return email
	}
	return local + "@" + letters
}
