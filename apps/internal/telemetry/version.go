package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Version is the release of this program. The linker sets it in images.
var Version = "development"

// newVersionMetric returns a metric that is always 1, with the version as its label.
func newVersionMetric() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "phonebill_build_info",
		Help:        "Always 1, labelled with the version of the program.",
		ConstLabels: prometheus.Labels{"version": Version},
	}, func() float64 { return 1 })
}
