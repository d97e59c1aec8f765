package bridgetest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// EarlyApp is an app that writes the headers of its answer when it has the headers of a request, and the body 4 to 40 ms later.
// It keeps the connection.
func EarlyApp(t *testing.T) (url string) {
	t.Helper()
	return RawApp(t, func(conn net.Conn) {
		for in := bufio.NewReader(conn); answerEarly(conn, in) == nil; {
		}
	})
}

// RawApp is an app that does with each connection what serve does, and closes it then.
func RawApp(t *testing.T, serve func(net.Conn)) (url string) {
	t.Helper()
	l, address := Listen(t)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return "http://" + address
}

func answerEarly(conn net.Conn, in *bufio.Reader) error {
	req, err := http.ReadRequest(in)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"); err != nil {
		return err
	}
	size, err := io.Copy(io.Discard, req.Body)
	if err != nil {
		return err
	}
	time.Sleep(4*time.Millisecond + rand.N(36*time.Millisecond))
	text := "data: begun\n\n" + cameBytes(size)
	_, err = fmt.Fprintf(conn, "%x\r\n%s\r\n0\r\n\r\n", len(text), text)
	return err
}

func cameBytes(size int64) string { return fmt.Sprintf("data: %d bytes came\n\n", size) }

// Repetitions is how often a race is tried: as often as SSOBRIDGE_TEST_REPEAT says, else times.
func Repetitions(t *testing.T, times int64) int64 {
	t.Helper()
	text := os.Getenv("SSOBRIDGE_TEST_REPEAT")
	if text == "" {
		return times
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// WholeAnswers posts as often as that to an [EarlyApp] behind url, 24 at a time, and wants each answer whole.
func WholeAnswers(t *testing.T, url, cookie string, times int64, chunked bool) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 24}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	var left, cut atomic.Int64
	left.Store(times)
	var example atomic.Value
	var all sync.WaitGroup
	for range 24 {
		all.Go(func() {
			for n := left.Add(-1); n >= 0; n = left.Add(-1) {
				if err := wholeAnswer(client, url, cookie, 1+rand.IntN([]int{2000, 2000, 2000, 400_000}[n%4]), chunked); err != nil {
					cut.Add(1)
					example.Store(err.Error())
				}
			}
		})
	}
	all.Wait()
	if n := cut.Load(); n > 0 {
		t.Errorf("%d of %d answers are not whole, such as: %v", n, times, example.Load())
	}
}

func wholeAnswer(client *http.Client, url, cookie string, size int, chunked bool) error {
	body := io.Reader(strings.NewReader(strings.Repeat("x", size)))
	if chunked {
		body = io.MultiReader(body) // a length that the client does not know
	}
	req, err := http.NewRequest("POST", url, body)
	if err != nil {
		return err
	}
	req.Header.Set("Cookie", cookie)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if want := "data: begun\n\n" + cameBytes(int64(size)); err == nil && string(got) != want {
		err = errors.New("not what the app wrote")
	}
	if err != nil {
		return fmt.Errorf("%d %q: %w", resp.StatusCode, got, err)
	}
	return nil
}
