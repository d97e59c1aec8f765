package metrics

import "github.com/prometheus/client_golang/prometheus"

// A Reading is a number that some other part keeps, for Prometheus to read.
type Reading struct {
	Name, Help string
	Total      bool   // it only grows, and begins anew with the process
	Label      string // "": there is one value
	// Read puts each value, with that of the label. It is called at each scrape, so it asks no database and no other server.
	// Label values are of a set that no client can make larger (SECURITY K1).
	Read func(put func(value float64, label string))
}

// One is the Read of a single value.
func One[N int | int64 | uint64 | float64](read func() N) func(put func(float64, string)) {
	return func(put func(float64, string)) { put(float64(read()), "") }
}

// Add has /metrics answer with these, too. A name can be added once.
func (m *Metrics) Add(readings ...Reading) {
	for _, r := range readings {
		m.registry.MustRegister(newCollector(r))
	}
}

// collector makes a Reading one of Prometheus's metrics.
type collector struct {
	Reading
	description *prometheus.Desc
	kind        prometheus.ValueType
}

func newCollector(r Reading) collector {
	c := collector{Reading: r, kind: prometheus.GaugeValue}
	if r.Total {
		c.kind = prometheus.CounterValue
	}
	c.description = prometheus.NewDesc(r.Name, r.Help, c.labels(r.Label), nil)
	return c
}

// labels is s, if this metric has a label.
func (c collector) labels(s string) []string {
	if c.Label == "" {
		return nil
	}
	return []string{s}
}

// Describe implements [prometheus.Collector].
func (c collector) Describe(to chan<- *prometheus.Desc) { to <- c.description }

// Collect implements [prometheus.Collector].
func (c collector) Collect(to chan<- prometheus.Metric) {
	c.Read(func(value float64, label string) {
		metric, err := prometheus.NewConstMetric(c.description, c.kind, value, c.labels(label)...)
		if err != nil {
			metric = prometheus.NewInvalidMetric(c.description, err)
		}
		to <- metric
	})
}
