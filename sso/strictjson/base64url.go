package strictjson

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Base64URL reads one part of a token or a member of a key: at least one character, base64url without padding (RFC 7515 §2), spare bits zero.
func Base64URL(part string) ([]byte, error) {
	if part == "" {
		return nil, errors.New("is empty")
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil || strings.IndexByte(part, '\n') >= 0 || strings.IndexByte(part, '\r') >= 0 { // which the decoder passes over
		return nil, whyNot(part)
	}
	return b, nil
}

// whyNot says what is wrong with a part that is not base64url.
func whyNot(part string) error {
	for i := range len(part) {
		if c := part[i]; !base64url(c) {
			return fmt.Errorf("has %s, which is not base64url%s", strconv.QuoteToASCII(part[i:i+1]), whyOdd(c))
		}
	}
	return errors.New("is not base64url: cut off, or with spare bits that are not zero")
}

func base64url(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

func whyOdd(c byte) string {
	switch c {
	case '+', '/':
		return ": it was encoded with the standard alphabet, not the URL one"
	case '=':
		return ": leave the padding out"
	case ' ', '\t', '\r', '\n':
		return ": a space or line end came along"
	case '"', '\'':
		return ": a quotation mark came along"
	}
	return ""
}
