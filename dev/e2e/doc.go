// Package e2e tests PhoneBill as a whole: the tests start the system as `make run` does, use it
// through the ingress as a browser would, and inject faults.
package e2e
