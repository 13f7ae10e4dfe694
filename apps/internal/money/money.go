// Package money bounds amounts, which are whole won.
package money

// Max bounds an amount: far above any bill, and so low that no sum of a bill
// overflows.
const Max = 1_000_000_000

// Valid reports whether an amount is from zero to Max.
func Valid(amount int64) bool { return amount >= 0 && amount <= Max }
