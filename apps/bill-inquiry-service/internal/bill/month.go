package bill

import (
	"encoding/json"
	"fmt"
	"regexp"
	"time"
)

// Month is a billing month in the form "2026-11". Months are ordered as strings are.
type Month string

// Seoul is the time zone of billing months. Korea has had no daylight saving since
// 1988, so the fixed offset is exact and needs no zone database.
var Seoul = time.FixedZone("KST", 9*60*60)

var monthPattern = regexp.MustCompile(`^([0-9]{4})-?(0[1-9]|1[0-2])$`)

// ParseMonth parses "2026-11" or "202611". It returns ErrMonthFormat for other texts.
func ParseMonth(text string) (Month, error) {
	match := monthPattern.FindStringSubmatch(text)
	if match == nil {
		return "", ErrMonthFormat
	}
	return Month(match[1] + "-" + match[2]), nil
}

// MonthOf returns the billing month in Seoul at t.
func MonthOf(t time.Time) Month {
	t = t.In(Seoul)
	if i := 12*(t.Year()-firstYear) + int(t.Month()) - 1; i >= 0 && i < len(months) {
		return months[i] // each inquiry needs several, and formatting one allocates
	}
	return Month(t.Format(monthForm))
}

const (
	monthForm = "2006-01"
	firstYear = 2000 // of months
)

// months are the months of a century.
var months = func() (all [1200]Month) {
	for i := range all {
		all[i] = Month(time.Date(firstYear, time.Month(1+i), 1, 0, 0, 0, 0, Seoul).Format(monthForm))
	}
	return all
}()

// Compact returns the form without a dash: "202611".
func (m Month) Compact() string { return string(m[:4] + m[5:]) }

// minus returns the month n months before m.
func (m Month) minus(n int) Month {
	start, err := time.ParseInLocation(monthForm, string(m), Seoul)
	if err != nil {
		panic(fmt.Sprintf("bill: month %q was not parsed", string(m))) // a Month is always valid
	}
	return MonthOf(start.AddDate(0, -n, 0))
}

// UnmarshalJSON parses a string as ParseMonth does.
func (m *Month) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("month: %w", err)
	}
	parsed, err := ParseMonth(s)
	if err != nil {
		return err
	}
	*m = parsed
	return nil
}

// Window is the range of months that customers may inquire about.
type Window struct {
	// Months is the number of months, the current one included. Product rule: 6.
	Months int
}

// Available returns the months of the window at now that are not before contract,
// newest first. Contract is the first month of the line's contract, or "" if it is not
// known.
func (w Window) Available(now time.Time, contract Month) []Month {
	current := MonthOf(now)
	var months []Month
	for i := range w.Months {
		if month := current.minus(i); month >= contract {
			months = append(months, month)
		}
	}
	return months
}

// Check returns ErrMonthFuture or ErrMonthTooOld if month is outside the window at
// now.
func (w Window) Check(month Month, now time.Time) error {
	current := MonthOf(now)
	switch {
	case month > current:
		return ErrMonthFuture
	case month < current.minus(w.Months-1):
		return ErrMonthTooOld
	}
	return nil
}
