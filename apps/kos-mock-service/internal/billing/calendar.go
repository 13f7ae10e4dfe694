package billing

import (
	"errors"
	"fmt"
	"time"
)

// seoul is a fixed zone, because Korea has not used daylight saving time since 1988. It needs no
// time zone database.
var seoul = time.FixedZone("Asia/Seoul", 9*60*60)

// Today returns the calendar day in Korea at the instant now. Days are times at midnight UTC, so
// that they can be compared without zones.
func Today(now time.Time) time.Time {
	year, month, day := now.In(seoul).Date()
	return date(year, month, day)
}

// startOf returns the first instant of the day in Korea.
func startOf(day time.Time) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, seoul).UTC()
}

func date(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// Month is a calendar month. Months are comparable with ==.
type Month struct {
	year  int
	month time.Month
}

// ErrMonth is returned for text that is not a month.
var ErrMonth = errors.New("billing: want a month as YYYYMM, 2000 to 2099")

// ParseMonth parses a month in KOS's form, YYYYMM. It returns ErrMonth for other text.
func ParseMonth(text string) (Month, error) {
	t, err := time.Parse("200601", text)
	if err != nil || t.Year() < 2000 || t.Year() > 2099 {
		return Month{}, ErrMonth
	}
	return MonthOf(t), nil
}

// MonthOf returns the month of the day.
func MonthOf(day time.Time) Month { return Month{day.Year(), day.Month()} }

// String returns the month as YYYYMM.
func (m Month) String() string { return fmt.Sprintf("%04d%02d", m.year, m.month) }

// Add returns the month n months later, or earlier if n is negative.
func (m Month) Add(n int) Month { return MonthOf(date(m.year, m.month+time.Month(n), 1)) }

// First returns the month's first day.
func (m Month) First() time.Time { return m.Day(1) }

// Last returns the month's last day.
func (m Month) Last() time.Time { return date(m.year, m.month+1, 0) }

// Day returns the month's nth day.
func (m Month) Day(n int) time.Time { return date(m.year, m.month, n) }

// Before reports whether m is earlier than other.
func (m Month) Before(other Month) bool { return m.Since(other) < 0 }

// Since returns the number of months from other to m.
func (m Month) Since(other Month) int {
	return 12*(m.year-other.year) + int(m.month) - int(other.month)
}

// earlier returns the earlier of two times.
func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
