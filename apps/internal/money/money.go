// Package money validates amounts in whole won.
package money

// Max is the largest valid amount in won: far above any bill, and so low that the
// sums of a bill cannot overflow.
const Max = 1_000_000_000

// Valid reports whether amount is between 0 and Max.
func Valid(amount int64) bool { return amount >= 0 && amount <= Max }
