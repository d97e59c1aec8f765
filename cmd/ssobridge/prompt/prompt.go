// Package prompt asks whoever sits at the terminal.
package prompt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/hint"
	"github.com/ssobridge/ssobridge/sso/inputfile"
)

// IsTerminal reports whether a person looks at (or types into) a stream.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Password reads a file, stdin, or twice the terminal. Only one line end is taken off: the password is used unaltered.
func Password(stdin io.Reader, stderr io.Writer, file string) (string, error) {
	var data []byte
	var err error
	switch {
	case file == "-" || file == "" && !IsTerminal(stdin):
		data, err = io.ReadAll(io.LimitReader(stdin, inputfile.Most))
	case file != "":
		data, err = inputfile.Read(file)
	default:
		return ask(int(stdin.(*os.File).Fd()), stderr)
	}
	if err != nil {
		return "", hint.With("--password-file names a file, or - for stdin", err)
	}
	data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	return string(data), nil
}

func ask(terminal int, stderr io.Writer) (string, error) {
	var typed [2][]byte
	for i, text := range []string{"password: ", "once more: "} {
		fmt.Fprint(stderr, text)
		var err error
		typed[i], err = term.ReadPassword(terminal)
		fmt.Fprintln(stderr)
		if err != nil {
			return "", err
		}
	}
	if !bytes.Equal(typed[0], typed[1]) {
		return "", errors.New("the two passwords differ")
	}
	return string(typed[0]), nil
}
