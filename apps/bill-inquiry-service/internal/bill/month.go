package bill

import (
	"encoding/json"
	"fmt"
	"regexp"
	"time"
)

// Month is a billing month, in the form "2026-11". Months compare as texts.
type Month string

// Seoul is the zone that decides what day, and so what month, it is. Korea has
// had no daylight saving since 1988, so that the fixed offset is exact and no
// zone database is needed.
var Seoul = time.FixedZone("KST", 9*60*60)

var monthPattern = regexp.MustCompile(`^([0-9]{4})-?(0[1-9]|1[0-2])$`)

// ParseMonth accepts "2026-11" and "202611". It returns ErrMonthFormat for
// anything else.
func ParseMonth(text string) (Month, error) {
	match := monthPattern.FindStringSubmatch(text)
	if match == nil {
		return "", ErrMonthFormat
	}
	return Month(match[1] + "-" + match[2]), nil
}

// MonthOf returns the month that it is in Seoul at t.
func MonthOf(t time.Time) Month { return Month(t.In(Seoul).Format("2006-01")) }

// Compact returns the form without a dash: "202611".
func (m Month) Compact() string { return string(m[:4] + m[5:]) }

// minus returns the month n months before m.
func (m Month) minus(n int) Month {
	start, err := time.ParseInLocation("2006-01", string(m), Seoul)
	if err != nil {
		panic(fmt.Sprintf("bill: month %q was not parsed", string(m))) // a Month is always valid
	}
	return MonthOf(start.AddDate(0, -n, 0))
}

// UnmarshalJSON takes what ParseMonth takes.
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

// Window is the range of months that may be asked for.
type Window struct {
	// Months is how many, the current one included. Product rule: 6.
	Months int
}

// Available returns the months that may be asked for at now, newest first.
// Contract is the month the line's contract began in; none are before it. An
// empty contract is one that is not known.
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

// Check returns ErrMonthFuture or ErrMonthTooOld for a month outside the
// window at now.
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
