package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Version names the release that this program was built as. The linker sets it
// where images are built; elsewhere nobody has released anything.
var Version = "development"

// newVersionMetric returns a metric that is always 1: its label says which
// version runs, so that a graph can show who was replaced when.
func newVersionMetric() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "build_info",
		Help:        "Always 1, labelled with the version of the program.",
		ConstLabels: prometheus.Labels{"version": Version},
	}, func() float64 { return 1 })
}
