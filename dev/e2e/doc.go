// Package e2e proves PhoneBill as a whole: its tests start the system as
// `make run` does, use it as a browser would, through the ingress, and harm it.
package e2e
