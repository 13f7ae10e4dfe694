// Package simulation simulates days of customers within seconds, to measure how many
// inquiries wait for KOS. It runs the rules of package bill as they are. Fakes with the
// same limits replace what takes real time: the queue and the budget in memory, a cache
// with the times-to-live of L2, and KOS.
//
// The package has only tests; README.md has their assumptions and results.
package simulation
