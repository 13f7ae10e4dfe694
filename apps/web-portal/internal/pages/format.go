package pages

import (
	"fmt"
	"strings"
	"time"

	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
)

// seoul is the time zone of all dates. Korea has had no daylight saving time since 1988.
var seoul = time.FixedZone("KST", 9*60*60)

// won formats an amount: 12,345원.
func won(amount int64) string { return grouped(amount) + "원" }

func grouped(amount int64) string {
	sign := ""
	if amount < 0 {
		sign, amount = "−", -amount
	}
	digits := fmt.Sprint(amount)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// shortWon formats an amount for a narrow place: 8.9만원.
func shortWon(amount int64) string {
	if amount < 10_000 {
		return won(amount)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(amount)/10_000), ".0") + "만원"
}

// month formats YYYY-MM or YYYYMM: 2026년 11월. It returns any other text unchanged.
func month(text string) string {
	if at, ok := parseMonth(text); ok {
		return fmt.Sprintf("%d년 %d월", at.Year(), at.Month())
	}
	return text
}

// shortMonth formats YYYY-MM or YYYYMM: 11월.
func shortMonth(text string) string {
	if at, ok := parseMonth(text); ok {
		return fmt.Sprintf("%d월", at.Month())
	}
	return text
}

func parseMonth(text string) (time.Time, bool) {
	at, err := time.Parse("200601", strings.ReplaceAll(text, "-", ""))
	return at, err == nil
}

// dashedMonth returns YYYYMM as YYYY-MM.
func dashedMonth(text string) string {
	if at, ok := parseMonth(text); ok {
		return at.Format("2006-01")
	}
	return text
}

var weekdays = [...]string{"일", "월", "화", "수", "목", "금", "토"}

// day formats YYYYMMDD or YYYY-MM-DD: 2026년 12월 25일 (금).
func day(text string) string {
	if at, ok := parseDay(text); ok {
		return fmt.Sprintf("%d년 %d월 %d일 (%s)", at.Year(), at.Month(), at.Day(), weekdays[at.Weekday()])
	}
	return text
}

func parseDay(text string) (time.Time, bool) {
	at, err := time.ParseInLocation("20060102", strings.ReplaceAll(text, "-", ""), seoul)
	return at, err == nil
}

// days formats the days of a charge: 11월 1일 ~ 30일 (30일간).
func days(charge upstream.Charge) string {
	from, okFrom := parseDay(charge.From)
	to, okTo := parseDay(charge.To)
	if !okFrom || !okTo {
		return charge.From + " ~ " + charge.To
	}
	end := fmt.Sprintf("%d일", to.Day())
	if to.Month() != from.Month() {
		end = fmt.Sprintf("%d월 %s", to.Month(), end)
	}
	const oneDay = 24 * time.Hour
	return fmt.Sprintf("%d월 %d일 ~ %s (%d일간)", from.Month(), from.Day(), end, int(to.Sub(from)/oneDay)+1)
}

// at formats a time: 2026. 11. 30. 14:05.
func at(moment time.Time) string {
	if moment.IsZero() {
		return "-"
	}
	return moment.In(seoul).Format("2006. 1. 2. 15:04")
}

// iso formats a time for the attribute datetime.
func iso(moment time.Time) string { return moment.Format(time.RFC3339) }

// age formats how long ago a time was: 3시간 전.
func age(moment, now time.Time) string {
	passed := now.Sub(moment)
	const oneDay = 24 * time.Hour
	switch {
	case passed < time.Minute:
		return "방금 전"
	case passed < time.Hour:
		return fmt.Sprintf("%d분 전", passed/time.Minute)
	case passed < oneDay:
		return fmt.Sprintf("%d시간 전", passed/time.Hour)
	}
	return fmt.Sprintf("%d일 전", passed/oneDay)
}

// wait formats a duration in seconds: 1분 30초.
func wait(seconds int) string {
	switch {
	case seconds < 60:
		return fmt.Sprintf("%d초", max(seconds, 1))
	case seconds%60 == 0:
		return fmt.Sprintf("%d분", seconds/60)
	}
	return fmt.Sprintf("%d분 %d초", seconds/60, seconds%60)
}

// line formats a line number: 010-1234-5678.
func line(digits string) string {
	if len(digits) != 11 {
		return digits
	}
	return digits[:3] + "-" + digits[3:7] + "-" + digits[7:]
}

// payment names a payment status of KOS.
func payment(status string) string {
	if name, ok := map[string]string{"PAID": "납부 완료", "SCHEDULED": "납부 예정", "UNPAID": "미납", "OVERDUE": "연체"}[status]; ok {
		return name
	}
	return status
}

// progress names the status of an inquiry or a change.
func progress(status string) string {
	if name, ok := map[string]string{"PENDING": "대기 중", "PROCESSING": "처리 중", "COMPLETED": "완료", "FAILED": "실패"}[status]; ok {
		return name
	}
	return status
}

// attempt names the outcome of an attempt to log in.
func attempt(outcome string) string {
	if name, ok := map[string]string{
		upstream.LoginSucceeded: "성공", upstream.LoginFailed: "비밀번호 오류",
		upstream.LoginLocked: "비밀번호 오류로 잠김", upstream.LoginRefused: "잠긴 상태에서 시도",
	}[outcome]; ok {
		return name
	}
	return outcome
}

// device names browser and system of a User-Agent: Chrome · Android.
func device(userAgent string) string {
	browser := first(userAgent, [][2]string{
		{"Edg", "Edge"}, {"SamsungBrowser", "Samsung Internet"}, {"Whale", "Whale"}, {"Firefox", "Firefox"},
		{"Chrome", "Chrome"}, {"Safari", "Safari"}, {"curl", "curl"},
	})
	system := first(userAgent, [][2]string{
		{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Mac OS", "macOS"}, {"Linux", "Linux"},
	})
	switch {
	case browser != "" && system != "":
		return browser + " · " + system
	case browser+system != "":
		return browser + system
	}
	return "알 수 없는 기기"
}

// first returns the name of the first mark in text, or "".
func first(text string, marks [][2]string) string {
	for _, mark := range marks {
		if strings.Contains(text, mark[0]) {
			return mark[1]
		}
	}
	return ""
}
