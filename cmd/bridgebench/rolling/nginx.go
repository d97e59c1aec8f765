package rolling

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// upstream is nginx-replicas.conf of the documented recipe, with connections that are kept: of those one may break.
const upstream = `upstream bridges {
	server %s max_fails=0;
	server %s max_fails=0;
	keepalive 16;
}
`

// nginx is its program; "": there is none.
func nginx() string {
	for _, name := range []string{"nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// front starts nginx before two replicas, and returns the address of the site. nginx checks the health of neither.
func (o Options) front(ctx context.Context, one, other string) (site string, stop func(), err error) {
	dir, err := o.folder()
	if err != nil {
		return "", nil, err
	}
	listen, err := freeAddress()
	if err != nil {
		return "", nil, err
	}
	conf := "daemon off; master_process off; error_log stderr crit; pid nginx.pid; events { worker_connections 512; }\nhttp { access_log off;\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		conf += fmt.Sprintf("%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	conf += fmt.Sprintf(upstream, one, other) + fmt.Sprintf(`server {
	listen %s;
	location / { proxy_pass http://bridges; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; }
} }
`, listen)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, nginx(), "-p", dir, "-e", "stderr", "-c", file)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
	site = "http://" + listen
	if err := answers(ctx, site+"/healthz"); err != nil {
		stop()
		return "", nil, err
	}
	return site, stop, nil
}
