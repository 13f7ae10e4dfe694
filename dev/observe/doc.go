// Package observe shows what the running system does: it starts Prometheus, Alertmanager and an
// OpenTelemetry collector on the loopback address, and serves a status page.
package observe
