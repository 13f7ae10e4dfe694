// Package cluster proves PhoneBill on a Kubernetes cluster: its tests install
// the charts on whatever cluster KUBECONFIG points to, use the system, roll it
// under load, harm it, and take it away again.
package cluster
