// Package cluster tests PhoneBill on a Kubernetes cluster: the tests install the charts on the
// cluster of KUBECONFIG, use the system, roll it under load, inject faults, and uninstall it.
package cluster
