package text

import (
	"fmt"
	"strings"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// seoul is the time zone of all dates. Korea has had no daylight saving time since 1988.
var seoul = time.FixedZone("KST", 9*60*60)

// Won formats an amount: 12,345원, ₩12,345.
func (l Language) Won(amount int64) string {
	sign := ""
	if amount < 0 {
		sign, amount = "−", -amount
	}
	if l == Korean {
		return sign + grouped(amount) + "원"
	}
	return sign + "₩" + grouped(amount)
}

func grouped(amount int64) string {
	digits := fmt.Sprint(amount)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// ShortWon formats an amount for a narrow place: 8.9만원, ₩89K.
func (l Language) ShortWon(amount int64) string {
	unit, format := int64(10_000), "%s만원"
	if l == English {
		unit, format = 1_000, "₩%sK"
	}
	if amount < unit {
		return l.Won(amount)
	}
	return fmt.Sprintf(format, strings.TrimSuffix(fmt.Sprintf("%.1f", float64(amount)/float64(unit)), ".0"))
}

// layout returns the layout of package time for the language.
func (l Language) layout(korean, english string) string {
	if l == Korean {
		return korean
	}
	return english
}

// Month formats YYYY-MM or YYYYMM: 2026년 11월, November 2026. It returns any other text unchanged.
func (l Language) Month(month string) string {
	return formatMonth(month, l.layout("2006년 1월", "January 2006"))
}

// ShortMonth formats YYYY-MM or YYYYMM: 11월, Nov.
func (l Language) ShortMonth(month string) string {
	return formatMonth(month, l.layout("1월", "Jan"))
}

// DashedMonth returns YYYYMM as YYYY-MM.
func DashedMonth(month string) string { return formatMonth(month, "2006-01") }

func formatMonth(month, layout string) string {
	at, err := time.Parse("200601", strings.ReplaceAll(month, "-", ""))
	if err != nil {
		return month
	}
	return at.Format(layout)
}

var weekdays = [...]string{"일", "월", "화", "수", "목", "금", "토"}

// Day formats YYYYMMDD or YYYY-MM-DD: 2026년 12월 25일 (금), Fri, 25 Dec 2026.
func (l Language) Day(day string) string {
	at, ok := parseDay(day)
	switch {
	case !ok:
		return day
	case l == Korean:
		return fmt.Sprintf("%s (%s)", at.Format("2006년 1월 2일"), weekdays[at.Weekday()])
	}
	return at.Format("Mon, 2 Jan 2006")
}

func parseDay(day string) (time.Time, bool) {
	at, err := time.ParseInLocation("20060102", strings.ReplaceAll(day, "-", ""), seoul)
	return at, err == nil
}

// Days formats a period: 11월 1일 ~ 30일 (30일간), 1–30 Nov (30 days).
func (l Language) Days(first, last string) string {
	from, okFrom := parseDay(first)
	to, okTo := parseDay(last)
	if !okFrom || !okTo {
		return first + " ~ " + last
	}
	const oneDay = 24 * time.Hour
	count := int(to.Sub(from)/oneDay) + 1
	same := from.Month() == to.Month()
	if l == English {
		return englishDays(from, to, same, count)
	}
	end := "1월 2일"
	if same {
		end = "2일"
	}
	return fmt.Sprintf("%s ~ %s (%d일간)", from.Format("1월 2일"), to.Format(end), count)
}

func englishDays(from, to time.Time, same bool, count int) string {
	start, unit := "2 Jan", "days"
	if same {
		start = "2"
	}
	if count == 1 {
		unit = "day"
	}
	return fmt.Sprintf("%s–%s (%d %s)", from.Format(start), to.Format("2 Jan"), count, unit)
}

// Time formats a time: 2026. 11. 30. 14:05; 30 Nov 2026, 14:05 KST.
func (l Language) Time(moment time.Time) string {
	if moment.IsZero() {
		return "-"
	}
	return moment.In(seoul).Format(l.layout("2006. 1. 2. 15:04", "2 Jan 2006, 15:04 MST"))
}

// Age formats how long ago a time was: 3시간 전, 3 h ago.
func (l Language) Age(moment, now time.Time) string {
	passed := now.Sub(moment)
	const oneDay = 24 * time.Hour
	switch {
	case passed < time.Minute:
		return l.Text("just now")
	case passed < time.Hour:
		return l.Text("%d min ago", passed/time.Minute)
	case passed < oneDay:
		return l.Text("%d h ago", passed/time.Hour)
	case passed < 2*oneDay:
		return l.Text("1 day ago")
	}
	return l.Text("%d days ago", passed/oneDay)
}

// Seconds formats a number of seconds: 1분 30초, 1 min 30 s.
func (l Language) Seconds(seconds int) string {
	switch {
	case seconds < 60:
		return l.Text("%d s", max(seconds, 1))
	case seconds%60 == 0:
		return l.Text("%d min", seconds/60)
	}
	return l.Text("%d min %d s", seconds/60, seconds%60)
}

// Duration is Seconds of a duration.
func (l Language) Duration(d time.Duration) string { return l.Seconds(int(d / time.Second)) }

// Masked formats a line number for others than its customer: 010-****-5678.
func Masked(digits string) string { return msisdn.Number(digits).Masked() }

// Line formats a line number: 010-1234-5678.
func Line(digits string) string {
	if len(digits) != 11 {
		return digits
	}
	return digits[:3] + "-" + digits[3:7] + "-" + digits[7:]
}
