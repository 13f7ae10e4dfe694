package monitoring

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/phonebill/phonebill/dev/internal/checkout"
)

// Metric is a metric that services register.
type Metric struct {
	Name   string
	Help   string
	Labels []string
	Owners []string `json:"-"` // the services
}

// Unit returns the unit of a metric, which it derives from the name.
func (m Metric) Unit() string {
	parts := strings.Split(strings.TrimSuffix(m.Name, "_total"), "_")
	switch last := parts[len(parts)-1]; last {
	case "seconds", "ratio", "bytes", "calls", "rows", "events", "items", "connections":
		return last
	case "score", "rate", "state", "info":
		return "1"
	case "pool":
		return "ratio"
	}
	return "count"
}

// Registered returns the metrics of the services from their files metrics.json, which tests compare
// with the registered metrics.
func Registered(root checkout.Checkout) ([]Metric, error) {
	files, err := filepath.Glob(root.Path("apps", "*", "metrics.json"))
	if err != nil {
		return nil, err
	}
	found := map[string]Metric{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var listed []Metric
		if err := json.Unmarshal(text, &listed); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, one := range listed {
			known := cmp.Or(found[one.Name].Name, one.Name)
			owners := append(found[known].Owners, filepath.Base(filepath.Dir(file)))
			one.Owners = owners
			found[known] = one
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b Metric) int { return cmp.Compare(a.Name, b.Name) }), nil
}

// External are the metrics of other programs that rules and dashboards use, by their program.
// Those of Go's runtime and of the process are exported by every service too.
var External = map[string][]string{
	"Prometheus": {"up", "ALERTS", "scrape_samples_scraped"},
	"daprd": {
		"dapr_resiliency_cb_state", "dapr_resiliency_activations_total", "dapr_runtime_mtls_workload_cert_rotated_fail_total",
		"dapr_http_server_request_count", "dapr_http_server_latency", "dapr_grpc_io_server_completed_rpcs",
		"dapr_component_state_count", "dapr_component_state_latencies", "dapr_component_pubsub_egress_count",
		"dapr_component_pubsub_ingress_count", "dapr_runtime_service_invocation_req_sent_total",
	},
	"Dapr Sentry":        {"dapr_sentry_issuercert_expiry_timestamp"},
	"kube-state-metrics": {"kube_pod_container_status_restarts_total", "kube_pod_container_resource_limits", "kube_horizontalpodautoscaler_status_current_replicas", "kube_horizontalpodautoscaler_spec_max_replicas"},
	"cAdvisor":           {"container_cpu_usage_seconds_total", "container_memory_working_set_bytes"},
	"redis_exporter":     {"redis_stream_length", "redis_stream_group_messages_pending"},
	"Go":                 {"go_goroutines", "go_memstats_heap_inuse_bytes", "process_cpu_seconds_total", "process_resident_memory_bytes"},
}

// Known returns the names that queries may use: metrics of services and others, and
// recording rules.
func Known(root checkout.Checkout) (map[string]bool, error) {
	registered, err := Registered(root)
	if err != nil {
		return nil, err
	}
	rules, err := Rules(root)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, metric := range registered {
		known[metric.Name] = true
	}
	for _, rule := range rules {
		known[rule.Record] = true
	}
	for _, names := range External {
		for _, name := range names {
			known[name] = true
		}
	}
	return known, nil
}

// Exists reports whether a queried name is known, or is a series of a known histogram.
func Exists(known map[string]bool, name string) bool {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, cut := strings.CutSuffix(name, suffix); cut && known[base] && !strings.HasSuffix(base, "_total") {
			return true
		}
	}
	return known[name]
}
