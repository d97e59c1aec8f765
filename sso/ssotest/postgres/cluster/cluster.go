// Package cluster runs a throwaway PostgreSQL server, for tests and for the benchmark.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Cluster is a PostgreSQL server on 127.0.0.1 with a folder of its own. Make one with [Start], and [Cluster.Remove] it.
type Cluster struct {
	URL     string // of the database postgres, as its superuser
	addr    string
	dir     string
	bin     string
	options string
	command func(name string, args ...string) *exec.Cmd
}

// Programs finds the folder of PostgreSQL's programs, or returns "".
func Programs() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	sort.Strings(found)
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[len(found)-1])
}

// Start makes a server with these settings, NAME=value, of the programs in a folder, and starts it.
func Start(bin string, settings ...string) (*Cluster, error) {
	dir, err := os.MkdirTemp("", "ssobridge-pg-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, bin: bin, command: exec.Command}
	if err := c.make(settings); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return c, nil
}

func (c *Cluster) make(settings []string) error {
	if err := c.asOwner(); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	c.addr = l.Addr().String()
	c.URL = c.At(c.addr)
	l.Close()
	c.options = fmt.Sprintf("-p %d -k %s -c listen_addresses=127.0.0.1", l.Addr().(*net.TCPAddr).Port, c.dir)
	for _, s := range settings {
		c.options += " -c " + s
	}
	if err := c.run("initdb", "-D", c.data(), "-A", "trust", "-U", "postgres", "--locale=C.UTF-8", "-E", "UTF8", "--no-sync"); err != nil {
		return err
	}
	return c.Up()
}

// asOwner has commands run as the user postgres where we are root, which the programs refuse to be.
func (c *Cluster) asOwner() error {
	if os.Getuid() != 0 {
		return nil
	}
	owner, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, err1 := strconv.Atoi(owner.Uid)
	gid, err2 := strconv.Atoi(owner.Gid)
	c.command = func(name string, args ...string) *exec.Cmd {
		return exec.Command("runuser", append([]string{"-u", "postgres", "--", name}, args...)...)
	}
	return errors.Join(err1, err2, os.Chown(c.dir, uid, gid))
}

// Address is where the server listens, host:port.
func (c *Cluster) Address() string { return c.addr }

// At is the URL of the same database by way of another address.
func (c *Cluster) At(addr string) string {
	return fmt.Sprintf("postgres://postgres@%s/postgres?sslmode=disable", addr)
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "d") }

func (c *Cluster) run(program string, args ...string) error {
	cmd := c.command(filepath.Join(c.bin, program), args...)
	cmd.Dir = c.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd.Args, err, out)
	}
	return nil
}

// Up starts a server that is down, and returns as soon as it answers.
func (c *Cluster) Up() error {
	if err := c.run("pg_ctl", "-D", c.data(), "-l", filepath.Join(c.dir, "log"), "-W", "-o", c.options, "start"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, c.URL)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(c.dir, "log"))
			return fmt.Errorf("PostgreSQL does not answer: %w\n%s", err, log[max(0, len(log)-2000):])
		}
	}
}

// Down ends the server as a crash does: nothing that runs is ended in order.
func (c *Cluster) Down() error { return c.run("pg_ctl", "-D", c.data(), "-m", "immediate", "stop") }

// Exec runs a statement as the superuser.
func (c *Cluster) Exec(ctx context.Context, statements ...string) error {
	conn, err := pgx.Connect(ctx, c.URL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// Remove ends the server and removes its folder.
func (c *Cluster) Remove() error { return errors.Join(c.Down(), os.RemoveAll(c.dir)) }
