package admin

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
)

// To several people the same is done as to one, with its rule and its event for each; who cannot be changed keeps nobody else from it.
//
// SECURITY E6, G6
func TestSeveral(t *testing.T) {
	for _, tt := range []struct {
		what  Deed
		ids   []int64
		group int64
		quick bool // needs no proof
		did   int
		want  string
		code  sso.Code // of all
	}{
		{DeedDeactivate, []int64{1, 2, 3, 2}, 0, true, 2, "done [2 3], kept 1 conflict", ""},
		{DeedReactivate, []int64{2}, 0, false, 1, "done [2], kept ", ""},
		{DeedSignOut, []int64{2, 99, 3}, 0, true, 2, "done [2 3], kept 99 not_found", ""},
		{DeedAdd, []int64{2, 3}, sales, false, 2, "done [2 3], kept ", ""},
		{DeedAdd, []int64{2}, sso.AllUsers, false, 0, "", sso.Invalid},
		{DeedAdd, []int64{2}, 99, false, 0, "", sso.NotFound},
		{"delete", []int64{2}, 0, true, 0, "", sso.Invalid},
		{DeedSignOut, nil, 0, true, 0, "", sso.Invalid},
		{DeedSignOut, make([]int64, MaxSeveral+1), 0, true, 0, "", sso.Invalid},
	} {
		k := &kept{only: 1, accounts: map[int64]sso.Account{1: {ID: 1}, 2: {ID: 2}, 3: {ID: 3}}}
		several := Several{People{Store: k}, Members{k}, Sessions{k}}
		by := Actor{Name: "root@example.com"}
		if !tt.quick {
			if _, err := several.Do(t.Context(), by, tt.what, tt.ids, tt.group); sso.CodeOf(err) != sso.ProofNeeded || len(k.did) > 0 {
				t.Errorf("%s without a proof: got %v, and %q", tt.what, err, k.did)
			}
			by.Proved = true
		}
		out, err := several.Do(t.Context(), by, tt.what, tt.ids, tt.group)
		if sso.CodeOf(err) != tt.code || len(k.did) != tt.did {
			t.Errorf("%s of %d: got %v and %q, want code %q and %d done", tt.what, len(tt.ids), err, k.did, tt.code, tt.did)
		}
		var left []string
		for _, one := range out.Kept {
			left = append(left, fmt.Sprint(one.ID, " ", sso.CodeOf(one.Why)))
		}
		if got := fmt.Sprintf("done %v, kept %s", out.Done, strings.Join(left, ", ")); tt.want != "" && got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.what, got, tt.want)
		}
		if tt.what == DeedSignOut && tt.want != "" && out.Sessions != 4 {
			t.Errorf("got %d sessions ended, want 4", out.Sessions)
		}
	}
}
