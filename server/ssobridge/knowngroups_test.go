package ssobridge

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/bearer"
)

// countedGroups is a store that counts how often it is asked, and does something before it answers.
type countedGroups struct {
	bearer.Store // what is not needed panics

	asked  int
	before func()
	err    error
}

func (c *countedGroups) Groups(context.Context) ([]sso.Group, error) {
	c.asked++
	groups := []sso.Group{{ID: 3, Name: fmt.Sprint("answer ", c.asked)}}
	if c.before != nil {
		c.before()
	}
	return groups, c.err
}

// Groups are read anew when something is heard of a change, and else four times a second. What was being read when the change came
// is not kept, and neither is a failure.
func TestKnownGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var known knownGroups
		st := &countedGroups{}
		with := known.with(st)
		check := func(step, want string) {
			t.Helper()
			got, err := with.Groups(t.Context())
			if fmt.Sprint(err) == want {
				return
			}
			if err != nil || got[0].Name != want {
				t.Errorf("%s: got %v, %v, want %q", step, got, err, want)
			} else {
				got[0].Name = "written to" // a caller's own copy
			}
		}
		check("first", "answer 1")
		check("again", "answer 1")
		known.forget()
		check("forgotten", "answer 2")
		time.Sleep(groupsKept - 1)
		check("just before its end", "answer 2")
		time.Sleep(time.Nanosecond)
		check("at its end", "answer 3")
		known.forget()
		st.before = known.forget
		check("while it is read, it is forgotten", "answer 4")
		st.before = nil
		check("so it was not kept", "answer 5")
		known.forget()
		st.err = errors.New("down")
		check("down", "down")
		st.err = nil
		check("up again", "answer 7")
	})
	st := &countedGroups{}
	if none := (*knownGroups)(nil).with(st); none != bearer.Store(st) {
		t.Errorf("without a memory: got %v", none)
	}
}
