// Package monitoring tests the Prometheus rules of charts/phonebill/files/rules: each alert
// fires and clears on sample series, has a runbook, and names metrics that exist.
package monitoring
