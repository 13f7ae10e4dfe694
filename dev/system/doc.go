// Package system runs the whole of PhoneBill on one machine: PostgreSQL, Redis, the apps with their
// Dapr sidecars, and the ingress. It starts them in order, waits until they are ready, drains and
// stops them, and can inject faults. `make run` and the tests of the whole system use it.
//
// All ports are fixed, so a machine runs one system at a time. Data are stored below the checkout's
// .local.
package system
