// Package inputfile reads the files that settings and flags name. None of them is waited for without end.
package inputfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// within is how long what is no file may take until it ends. What a shell makes of <(…) is a pipe, and a program that fetches a
// secret over the network writes to it.
const within = 10 * time.Second

// Most is more bytes than any of them needs; what has no end, such as /dev/zero, is not read to it.
const Most = 1 << 20

// Read returns what is in a file, or what comes from a pipe until it ends. More than [Most] bytes are an error, and so is a pipe
// to which nobody writes, or a terminal at which nobody types.
func Read(name string) ([]byte, error) { return read(name, within) }

func read(name string, within time.Duration) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case info.Mode().IsRegular(): // also behind a link, such as Docker and Kubernetes make of a secret
		return readAll(name, time.Time{})
	}
	return await(name, within)
}

func readAll(name string, until time.Time) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !until.IsZero() {
		_ = f.SetReadDeadline(until) // pipes and terminals know it
	}
	data, err := io.ReadAll(io.LimitReader(f, Most+1))
	if err == nil && len(data) > Most {
		err = fmt.Errorf("it has more than %d bytes", Most)
	}
	return data, err
}

// await reads what may never end, and may not even open.
func await(name string, within time.Duration) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := readAll(name, time.Now().Add(within))
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		if errors.Is(r.err, os.ErrDeadlineExceeded) {
			return nil, silent(within)
		}
		return r.data, r.err
	case <-time.After(within + within/10):
		release(name)
		return nil, silent(within)
	}
}

func silent(within time.Duration) error {
	return fmt.Errorf("it is no file, and did not end within %v: a pipe to which nobody writes, or a terminal; name a file", within)
}

// release lets go of whoever waits for somebody to open a pipe and write to it.
func release(name string) {
	if f, err := os.OpenFile(name, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
		f.Close()
	}
}
