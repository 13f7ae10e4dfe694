// Package simulation lets days of customers pass within seconds, to show how
// many of them wait for KOS. The rules of the service run as they are: where a
// bill comes from, who goes first, what is fetched ahead. In place of what takes
// real time there are stand-ins with the same limits: the line and the budget in
// memory, a cache with the shared level's lifetimes, and KOS.
//
// It has tests only; README.md says what they assume and show.
package simulation
