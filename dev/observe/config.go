package observe

import (
	"fmt"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// scrapeInterval is that of a laptop, where a change has to show soon. Clusters scrape each 30 s.
const scrapeInterval = "5s"

// target is the addresses of one app, with its labels.
type target struct {
	Targets []string          `yaml:"targets"`
	Labels  map[string]string `yaml:"labels"`
}

// job is a scrape job.
type job struct {
	Name    string   `yaml:"job_name"`
	Path    string   `yaml:"metrics_path"`
	Targets []target `yaml:"static_configs"`
}

// prometheusConfig returns the configuration of Prometheus: it scrapes each app and each sidecar of
// dapr.yaml, with the labels that they have on a cluster, and evaluates the rules of the charts.
func (s *Stack) prometheusConfig() (string, error) {
	apps := job{Name: "apps", Path: "/actuator/prometheus"}
	sidecars := job{Name: "sidecars", Path: "/metrics"}
	for _, app := range s.apps {
		labels := func(container string) map[string]string {
			return map[string]string{"app": app.ID, "pod": app.ID, "container": container}
		}
		apps.Targets = append(apps.Targets, target{[]string{address(app.Port)}, labels("app")})
		sidecars.Targets = append(sidecars.Targets, target{[]string{address(app.MetricsPort)}, labels("daprd")})
	}
	config, err := yaml.Marshal(map[string]any{
		"global":         map[string]string{"scrape_interval": scrapeInterval, "scrape_timeout": "2s", "evaluation_interval": scrapeInterval},
		"scrape_configs": []job{apps, sidecars},
		"rule_files":     []string{s.checkout.Path(rules)},
		"alerting": map[string]any{"alertmanagers": []any{
			map[string]any{"static_configs": []any{map[string][]string{"targets": {address(AlertmanagerPort)}}}},
		}},
	})
	if err != nil {
		return "", fmt.Errorf("configuration of Prometheus: %w", err)
	}
	return string(config), nil
}

// rules are the files of rules that the charts install.
const rules = "charts/phonebill/files/rules/*.yaml"

// alertmanagerConfig groups alerts and notifies no one: the status page shows them.
const alertmanagerConfig = `
route: {receiver: status-page, group_by: [alertname, app]}
receivers: [{name: status-page}]
`

// collectorConfig returns the configuration of the collector. It keeps the traces of errors and of
// slow requests, and of the others as many as the file can hold for minutes under load.
func (s *Stack) collectorConfig() string {
	return fmt.Sprintf(`
extensions:
  health_check: {endpoint: %q}
receivers:
  otlp: {protocols: {grpc: {endpoint: %q}}}
processors:
  memory_limiter: {check_interval: 1s, limit_mib: 200}
  tail_sampling:
    decision_wait: 2s
    num_traces: 20000
    policies:
      - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
      - {name: slow, type: latency, latency: {threshold_ms: 1000}}
      - {name: others, type: rate_limiting, rate_limiting: {spans_per_second: 500}}
exporters:
  file: {path: %q, rotation: {max_megabytes: %d, max_backups: 1}, flush_interval: 1s}
service:
  extensions: [health_check]
  telemetry: {metrics: {level: none}, logs: {level: warn}}
  pipelines:
    traces: {receivers: [otlp], processors: [memory_limiter, tail_sampling], exporters: [file]}
`, address(collectorHealthPort), address(CollectorPort), s.traceFile(), traceFileMegabytes)
}

// traceFileMegabytes is the size at which the collector begins a new file.
const traceFileMegabytes = 8

func (s *Stack) traceFile() string { return filepath.Join(s.dir, "traces.jsonl") }
