package groupsource

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/ssobridge/ssobridge/sso/claim"
	"github.com/ssobridge/ssobridge/sso/outbound"
	"github.com/ssobridge/ssobridge/sso/strictjson"
)

// Bounds of an answer.
const (
	maxAnswer      = 256 << 10
	maxAnswerDepth = 8
)

// An HTTP source is an endpoint that is asked for the groups of one person: GET URL?user=NAME, or POST with {"sub":NAME}. It
// answers {"groups":["research","staff"]}. No groups, null, or the status 404: it does not know the person.
type HTTP struct {
	URL    *url.URL // see [outbound.ParseURL]
	Post   bool
	Secret string // sent as bearer token; "": none is
	Client *http.Client
}

// userParameter names the person in a GET.
const userParameter = "user"

// CheckEndpoint refuses an address to which the person cannot be added, on top of what [outbound.ParseURL] refuses.
func CheckEndpoint(u *url.URL) error {
	q, err := url.ParseQuery(u.RawQuery)
	switch {
	case err != nil:
		return errors.New("has a query that cannot be read")
	case q.Has(userParameter):
		return fmt.Errorf("has the parameter %s already; the bridge adds it", userParameter)
	}
	return nil
}

// GroupsOf implements [Source].
func (h *HTTP) GroupsOf(ctx context.Context, p Person) (names []string, known bool, err error) {
	if p.Subject == "" {
		return nil, false, nil
	}
	req, err := h.request(ctx, p.Subject)
	if err != nil {
		return nil, false, err
	}
	resp, err := h.Client.Do(req)
	if err != nil {
		return nil, false, causeOr(ctx, outbound.WithoutURL(err))
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return nil, false, nil
	case resp.StatusCode != http.StatusOK:
		return nil, false, fmt.Errorf("answered with status %d and not with 200%s", resp.StatusCode, why(resp.StatusCode))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, false, causeOr(ctx, err)
	case len(body) > maxAnswer:
		return nil, false, fmt.Errorf("answered with more than %d KiB", maxAnswer>>10)
	}
	return ParseAnswer(body)
}

func (h *HTTP) request(ctx context.Context, name string) (req *http.Request, err error) {
	if h.Post {
		body, err := json.Marshal(map[string]string{"sub": name})
		if err != nil {
			return nil, err
		}
		req, err = http.NewRequestWithContext(ctx, http.MethodPost, h.URL.String(), bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/json")
	} else {
		u := *h.URL
		if u.RawQuery != "" {
			u.RawQuery += "&"
		}
		u.RawQuery += url.Values{userParameter: {name}}.Encode()
		if req, err = http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil); err != nil {
			return nil, err
		}
	}
	req.Header.Set("Accept", "application/json")
	if h.Secret != "" {
		req.Header.Set("Authorization", "Bearer "+h.Secret)
	}
	return req, nil
}

// why says what to look at.
func why(status int) string {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return ": look at the endpoint's token"
	case status >= 300 && status < 400:
		return ": redirects are not followed, give the address to which it leads"
	}
	return ""
}

// causeOr says that the time was over rather than what that did to the connection.
func causeOr(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// ParseAnswer reads what an endpoint answered. known is false when it says nothing of groups.
func ParseAnswer(body []byte) (names []string, known bool, err error) {
	object, err := strictjson.Object(body, maxAnswerDepth)
	if err != nil {
		return nil, false, fmt.Errorf(`the answer is no JSON object such as {"groups":["research"]}: %w`, err)
	}
	value := object["groups"]
	if value == nil {
		return nil, false, nil
	}
	list, isList := value.([]any)
	names, others, ok := claim.Names(list, "")
	if !isList || !ok || others > 0 {
		return nil, false, errors.New(`groups in the answer is not a list of names such as ["research","staff"]`)
	}
	return names, true, nil
}
