package server

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"os"
	"runtime"
	runtimemetrics "runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// metrics counts, under labels from fixed sets only: never anything that a client sent (SECURITY K1).
//
// It writes Prometheus's text format itself. Prometheus's client library would do that with eight modules and 2 MB of
// program, for three counters.
type metrics struct {
	signIns, refusals, verifies counters
	verify                      map[int]*atomic.Uint64 // read only: the hot path looks nothing up by label
	started                     time.Time
}

// counters are those of one name, told apart by one label.
type counters struct {
	name, label, help string

	mu sync.Mutex
	of map[string]*atomic.Uint64
}

func newMetrics(now time.Time) *metrics {
	m := &metrics{started: now, verify: map[int]*atomic.Uint64{}}
	m.signIns.name, m.signIns.label, m.signIns.help = "ssobridge_sign_ins_total", "outcome", "Accepted sign-ins by outcome: new, known, reactivated, resumed."
	m.refusals.name, m.refusals.label, m.refusals.help = "ssobridge_refusals_total", "code", "Refused requests by code."
	m.verifies.name, m.verifies.label, m.verifies.help = "ssobridge_verify_total", "status", "Answers of /auth/verify and /auth/forward by status."
	for _, status := range []int{200, 302, 401, 403, 405, 503} {
		m.verify[status] = m.verifies.counter(strconv.Itoa(status))
	}
	return m
}

// counter returns the counter of a value of the label.
func (c *counters) counter(value string) *atomic.Uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[string]*atomic.Uint64{}
	}
	if c.of[value] == nil {
		c.of[value] = new(atomic.Uint64)
	}
	return c.of[value]
}

func (m *metrics) verified(status int) {
	if c := m.verify[status]; c != nil {
		c.Add(1)
	}
}

func (m *metrics) refused(code sso.Code) { m.refusals.counter(string(code)).Add(1) }

func (m *metrics) signedIn(login *sso.Login) {
	outcome := "resumed"
	if !login.Resumed {
		outcome = map[sso.Admission]string{
			sso.AdmitKnown: "known", sso.AdmitNew: "new", sso.AdmitReactivated: "reactivated",
		}[login.SignedIn.Admission]
	}
	m.signIns.counter(outcome).Add(1)
}

// handler answers in Prometheus's text format 0.0.4: what was counted here, and of Go and the process what dashboards ask
// for, under the names that Prometheus's own client library gives it.
func (m *metrics) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var out bytes.Buffer
		for _, c := range []*counters{&m.signIns, &m.refusals, &m.verifies} {
			c.write(&out)
		}
		m.writeGo(&out)
		m.writeProcess(&out)
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		w.Write(out.Bytes())
	})
}

func (c *counters) write(out *bytes.Buffer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	head(out, c.name, "counter", c.help)
	for _, value := range slices.Sorted(maps.Keys(c.of)) {
		fmt.Fprintf(out, "%s{%s=%q} %d\n", c.name, c.label, value, c.of[value].Load())
	}
}

func head(out *bytes.Buffer, name, kind, help string) {
	fmt.Fprintf(out, "# HELP %s %s\n# TYPE %[1]s %[3]s\n", name, help, kind)
}

func single(out *bytes.Buffer, name, kind, help string, value float64) {
	head(out, name, kind, help)
	fmt.Fprintf(out, "%s %s\n", name, strconv.FormatFloat(value, 'g', -1, 64))
}

// writeGo writes what the runtime says of itself.
func (m *metrics) writeGo(out *bytes.Buffer) {
	head(out, "go_info", "gauge", "Information about the Go environment.")
	fmt.Fprintf(out, "go_info{version=%q} 1\n", runtime.Version())
	for _, g := range []struct{ name, kind, help, from string }{
		{"go_goroutines", "gauge", "Number of goroutines that currently exist.", "/sched/goroutines:goroutines"},
		{"go_sched_gomaxprocs_threads", "gauge", "The current GOMAXPROCS.", "/sched/gomaxprocs:threads"},
		{"go_gc_gogc_percent", "gauge", "Heap size target percentage (GOGC).", "/gc/gogc:percent"},
		{"go_gc_gomemlimit_bytes", "gauge", "Memory limit (GOMEMLIMIT).", "/gc/gomemlimit:bytes"},
		{"go_gc_cycles_total_gc_cycles_total", "counter", "Completed cycles of the garbage collector.", "/gc/cycles/total:gc-cycles"},
		{"go_memstats_alloc_bytes", "gauge", "Bytes allocated in heap and currently in use.", "/memory/classes/heap/objects:bytes"},
		{"go_memstats_alloc_bytes_total", "counter", "Bytes allocated in heap until now, even if released already.", "/gc/heap/allocs:bytes"},
		{"go_memstats_heap_objects", "gauge", "Number of currently allocated objects.", "/gc/heap/objects:objects"},
		{"go_memstats_heap_idle_bytes", "gauge", "Heap bytes waiting to be used, and not returned to the system.", "/memory/classes/heap/free:bytes"},
		{"go_memstats_heap_released_bytes", "gauge", "Heap bytes returned to the system.", "/memory/classes/heap/released:bytes"},
		{"go_memstats_stack_inuse_bytes", "gauge", "Bytes of the heap in use for stacks.", "/memory/classes/heap/stacks:bytes"},
		{"go_memstats_next_gc_bytes", "gauge", "Heap bytes when the next garbage collection takes place.", "/gc/heap/goal:bytes"},
		{"go_memstats_sys_bytes", "gauge", "Bytes obtained from the system.", "/memory/classes/total:bytes"},
	} {
		sample := []runtimemetrics.Sample{{Name: g.from}}
		runtimemetrics.Read(sample)
		if sample[0].Value.Kind() == runtimemetrics.KindUint64 {
			single(out, g.name, g.kind, g.help, float64(sample[0].Value.Uint64()))
		}
	}
}

// writeProcess writes what the system says of the process: all of it on Linux, elsewhere the start alone.
func (m *metrics) writeProcess(out *bytes.Buffer) {
	single(out, "process_start_time_seconds", "gauge", "Start time of the process since the Unix epoch in seconds.", float64(m.started.UnixMilli())/1000)
	// proc(5): field 2, the name, may hold anything; utime, stime, vsize and rss are fields 14, 15, 23 and 24.
	stat, _ := os.ReadFile("/proc/self/stat")
	if fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])); len(fields) > 21 {
		number := func(field int) float64 {
			n, _ := strconv.ParseFloat(fields[field-3], 64)
			return n
		}
		const ticks = 100 // a second: USER_HZ is 100 on every Linux that Go runs on
		single(out, "process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.", (number(14)+number(15))/ticks)
		single(out, "process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", number(23))
		single(out, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", number(24)*float64(os.Getpagesize()))
	}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		single(out, "process_open_fds", "gauge", "Number of open file descriptors.", float64(len(open)))
	}
	limits, _ := os.ReadFile("/proc/self/limits")
	for line := range strings.Lines(string(limits)) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			if soft, err := strconv.ParseFloat(strings.Fields(rest + " -")[0], 64); err == nil {
				single(out, "process_max_fds", "gauge", "Maximum number of open file descriptors.", soft)
			}
		}
	}
}
