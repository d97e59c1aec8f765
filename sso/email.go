package sso

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxEmail is RFC 5321 §4.5.3.1.3, less the angle brackets.
const maxEmail = 254

// CheckEmail refuses what is not one plain mailbox, or could be read as two: several "@", spaces, control characters,
// and text of which another spelling looks or folds the same (SECURITY E1, E10).
func CheckEmail(email string) error {
	at := strings.IndexByte(email, '@')
	switch {
	case len(email) > maxEmail:
		return fmt.Errorf("an e-mail address has at most %d bytes", maxEmail)
	case at < 1 || at == len(email)-1 || strings.Count(email, "@") != 1:
		return errors.New("not an e-mail address: it needs one @ with something on both sides")
	case !utf8.ValidString(email):
		return errors.New("not an e-mail address: it is not UTF-8")
	}
	for _, r := range email {
		if err := checkEmailRune(r); err != nil {
			return err
		}
	}
	return nil
}

func checkEmailRune(r rune) error {
	switch {
	case r <= ' ' || r == 0x7f || unicode.IsSpace(r) || unicode.IsControl(r) || showsNothing(r):
		return fmt.Errorf("not an e-mail address: it has a space, a control character or one that shows nothing (%U)", r)
	case strings.ContainsRune(`",;:<>()[]\`, r):
		return fmt.Errorf("not an e-mail address: it has the character %q", r)
	case r <= unicode.MaxASCII:
		return nil
	case r == utf8.RuneError:
		return errors.New("not an e-mail address: it has a character that was not valid Unicode")
	case unicode.Is(unicode.Mn, r):
		return errors.New("not an e-mail address we can compare: send composed characters (Unicode NFC)")
	case !unicode.In(r, unicode.L, unicode.Mc, unicode.Nd):
		return fmt.Errorf("not an e-mail address: %q (%U) is neither a letter nor a digit", r, r)
	case becomesASCII(r):
		return fmt.Errorf("not an e-mail address we can compare: %q (%U) can be read as an ASCII character", r, r)
	}
	return nil
}

// showsNothing finds the characters by which two addresses differ and look the same: those that a program without the
// means to show them leaves out (Unicode's Default_Ignorable_Code_Point), and blanks that are letters.
func showsNothing(r rune) bool {
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

// EmailKey is the form in which e-mail addresses are compared: lower case, letter by letter (Unicode simple mapping). A
// letter outside ASCII never becomes one of ASCII, so that no two mailboxes share a key, whatever text comes (SECURITY E10).
func EmailKey(email string) string { return strings.Map(lowerCase, email) }

func lowerCase(r rune) rune {
	lower := unicode.ToLower(r)
	if lower <= unicode.MaxASCII && r > unicode.MaxASCII {
		return r
	}
	return lower
}
