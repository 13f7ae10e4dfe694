// Package monitoring reads the Prometheus rules of charts/phonebill/files/rules and the lists of
// metrics that the services register. Its tests check the rules: each alert fires and clears on
// sample series, has a runbook, and names metrics that exist.
package monitoring
