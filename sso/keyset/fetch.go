package keyset

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/outbound"
)

// An answer is a key set as it was fetched.
type answer struct {
	unchanged bool // 304: the keys of before are those of now
	body      []byte
	etag      string
	fresh     time.Duration // how long it need not be asked for again
}

// How long a set is believed: never longer than maxFresh, so that a key that is removed stops working by then; at least
// leastFresh, since some servers forbid to keep anything.
const (
	leastFresh = time.Minute
	usualFresh = 5 * time.Minute
	maxFresh   = 15 * time.Minute
)

// ask fetches a key set. With an etag, the server may answer that nothing changed.
func ask(ctx context.Context, client *http.Client, address, etag string) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	req.Header.Set("User-Agent", "ssobridge")
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	resp, err := client.Do(req)
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown {
		return nil, fmt.Errorf("%w: if it is of an authority of your own, name the file with its certificate in CA_FILE", outbound.WithoutURL(err))
	}
	if err != nil {
		return nil, outbound.WithoutURL(err)
	}
	defer resp.Body.Close()
	a := &answer{fresh: freshness(resp.Header), etag: resp.Header.Get("ETag")}
	switch {
	case resp.StatusCode == http.StatusNotModified && etag != "":
		a.unchanged, a.etag = true, etag
		return a, nil
	case resp.StatusCode >= 300 && resp.StatusCode < 400 && resp.Header.Get("Location") != "":
		return nil, fmt.Errorf("it answered with a redirect to %s, which is not followed: give the address itself", sso.Quote(resp.Header.Get("Location")))
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answered with status %d", resp.StatusCode)
	case resp.Header.Get("Content-Encoding") != "" && resp.Header.Get("Content-Encoding") != "identity":
		return nil, fmt.Errorf("it answered with Content-Encoding %s, which was not asked for", sso.Quote(resp.Header.Get("Content-Encoding")))
	}
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1)); err != nil {
		return nil, fmt.Errorf("its answer broke off: %w", err)
	}
	if looksLikeHTML(a.body) {
		return nil, errors.New("it answered with a page (HTML): give the address of the key set, such as jwks_uri in its discovery document")
	}
	return a, nil
}

func looksLikeHTML(body []byte) bool {
	return strings.HasPrefix(strings.TrimSpace(string(body[:min(len(body), 100)])), "<")
}

// freshness is RFC 9111 §5.2.2.1, bounded.
func freshness(h http.Header) time.Duration {
	for part := range strings.SplitSeq(strings.ToLower(strings.Join(h.Values("Cache-Control"), ",")), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "no-store", "no-cache":
			return leastFresh
		case "max-age":
			seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if err != nil && !errors.Is(err, strconv.ErrRange) {
				continue
			}
			return max(leastFresh, min(time.Duration(seconds)*time.Second, maxFresh))
		}
	}
	return usualFresh
}
