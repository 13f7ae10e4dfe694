package resources

import "testing"

// TestLocalSidecarsTraceAsTheirApps compares collector and sampling rate. Package charts does so for
// the clusters.
func TestLocalSidecarsTraceAsTheirApps(t *testing.T) {
	t.Parallel()
	configurations := byName(load(t, "components", "local", "configurations"))
	for _, app := range apps(t) {
		tracing := configurations[app.ID].Spec.Tracing
		if endpoint := app.Env["OTEL_EXPORTER_OTLP_ENDPOINT"]; endpoint != "http://"+tracing.Otel.EndpointAddress {
			t.Errorf("%s exports to %q, its sidecar to %q", app.ID, endpoint, tracing.Otel.EndpointAddress)
		}
		if ratio := app.Env["OTEL_TRACES_SAMPLER_ARG"]; ratio != tracing.SamplingRate || ratio != "1" {
			t.Errorf("%s samples %q, its sidecar %q", app.ID, ratio, tracing.SamplingRate)
		}
	}
}
