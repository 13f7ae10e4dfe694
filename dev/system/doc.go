// Package system runs the whole of PhoneBill on one machine: PostgreSQL, Redis,
// the apps with their Dapr sidecars, and the ingress. It starts them in order,
// knows when they are ready, drains and stops them, and can harm each of them
// on purpose. `make run` uses it, and so do the tests that need everything.
//
// All ports are fixed, so a machine runs one system at a time. Data lie below
// the checkout's .local.
package system
