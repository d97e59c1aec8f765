package area

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
)

// FieldsOf returns what is wrong with which field, and whether the error is one that a form can show.
func FieldsOf(err error) (map[string]string, bool) {
	r, ok := errors.AsType[*admin.Refusal](err)
	if !ok {
		return nil, false
	}
	return r.Fields, true
}

// Readable makes the errors that are about what an administrator asked for readable. Others, such as those of the
// database, stay in the log.
func Readable(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*admin.Refusal](err); ok {
		return err
	}
	if _, ok := errors.AsType[*echo.HTTPError](err); ok {
		return err
	}
	switch sso.CodeOf(err) {
	case sso.Invalid, sso.Conflict, sso.NotFound, sso.Forbidden, sso.RequestMalformed, sso.PasswordRefused, sso.LinkRefused:
		return &admin.Refusal{Err: err}
	}
	return err
}

// ReadableParts is what of an error an administrator may read: at which field, and what else; and with which status. ok is false
// for an error that is the bridge's own.
func ReadableParts(err error) (fields map[string]string, rest string, status int, ok bool) {
	err = Readable(err)
	fields, ok = FieldsOf(err)
	if !ok {
		return nil, "", 0, false
	}
	if len(fields) == 0 {
		rest = Sentence(sso.Reason(err))
	}
	status = http.StatusBadRequest
	switch sso.CodeOf(err) {
	case sso.Conflict:
		status = http.StatusConflict
	case sso.NotFound:
		status = http.StatusNotFound
	case sso.Forbidden:
		status = http.StatusForbidden
	}
	return fields, rest, status, true
}

// Sentence makes a reason a sentence for people.
func Sentence(reason string) string {
	if reason == "" {
		return ""
	}
	return strings.ToUpper(reason[:1]) + reason[1:] + "."
}
