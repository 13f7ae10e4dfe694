package text

import (
	"testing"
	"time"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		chosen, accepted string
		want             Language
	}{
		{"", "", Korean},
		{"", "ko-KR,ko;q=0.9,en-US;q=0.8", Korean},
		{"", "en-GB,en;q=0.9", English},
		{"", "ja,en;q=0.5", English},
		{"", "ja", Korean},
		{"", ";;;=,", Korean},
		{"en", "ko", English},
		{"ko", "en", Korean},
		{"<script>", "en", English},
	} {
		if got := Choose(test.chosen, test.accepted); got != test.want {
			t.Errorf("%q, %q: %s", test.chosen, test.accepted, got)
		}
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	moment := time.Date(2026, 11, 30, 15, 5, 0, 0, time.UTC)
	formats := func(l Language) []string {
		return []string{
			l.Won(0), l.Won(1234567), l.Won(-500), l.ShortWon(89000), l.ShortWon(90000), l.ShortWon(900),
			l.Month("2026-11"), l.ShortMonth("202607"), l.Month("x"), l.Day("20261201"), l.Day("x"),
			l.Days("20261110", "20261130"), l.Days("20261110", "20261210"), l.Days("20261110", "20261110"),
			l.Time(moment), l.Time(time.Time{}), l.Age(moment, moment), l.Age(moment, moment.Add(59*time.Minute)),
			l.Age(moment, moment.Add(200*time.Minute)), l.Age(moment, moment.Add(25*time.Hour)), l.Age(moment, moment.Add(50*time.Hour)),
			l.Seconds(0), l.Seconds(90), l.Duration(2 * time.Minute), l.Status("PAID"), l.Status("X"), l.Attempt("FAILED"),
			l.Quantity("무제한"), l.Quantity("500분"), l.Quantity("20GB"),
			l.Device("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36"), l.Device(""),
			l.Problem("LINE_SUSPENDED", "정지된 회선입니다."), l.Problem("NOT_FOUND", ""), l.Problem("UNKNOWN", ""),
			l.Check("LINE_STATUS", false, "정지된 회선입니다."), l.Result("2002", "정지된 회선입니다."), l.Field("password", "짧습니다."),
		}
	}
	english := []string{
		"₩0", "₩1,234,567", "−₩500", "₩89K", "₩90K", "₩900",
		"November 2026", "Jul", "x", "Tue, 1 Dec 2026", "x",
		"10–30 Nov (21 days)", "10 Nov–10 Dec (31 days)", "10–10 Nov (1 day)",
		"1 Dec 2026, 00:05 KST", "-", "just now", "59 min ago",
		"3 h ago", "1 day ago", "2 days ago",
		"1 s", "1 min 30 s", "2 min", "Paid", "X", "Wrong password",
		"Unlimited", "500 min", "20GB",
		"Chrome · Android", "Unknown device",
		"The line is suspended.", "There is nothing at this address.", "The service is not available now. Please try again later.",
		"The line is not active.", "The line is not active.", "Use 8 to 50 characters.",
	}
	for i, got := range formats(English) {
		if got != english[i] {
			t.Errorf("got %q, want %q", got, english[i])
		}
	}
	korean := []string{
		"0원", "1,234,567원", "−500원", "8.9만원", "9만원", "900원",
		"2026년 11월", "7월", "x", "2026년 12월 1일 (화)", "x",
		"11월 10일 ~ 30일 (21일간)", "11월 10일 ~ 12월 10일 (31일간)", "11월 10일 ~ 10일 (1일간)",
		"2026. 12. 1. 00:05", "-", "방금 전", "59분 전",
		"3시간 전", "1일 전", "2일 전",
		"1초", "1분 30초", "2분", "납부 완료", "X", "비밀번호 오류",
		"무제한", "500분", "20GB",
		"Chrome · Android", "알 수 없는 기기",
		"정지된 회선입니다.", "요청하신 내용을 찾을 수 없습니다.", "지금은 서비스를 이용할 수 없습니다. 잠시 뒤에 다시 시도해 주세요.",
		"정지된 회선입니다.", "정지된 회선입니다.", "짧습니다.",
	}
	for i, got := range formats(Korean) {
		if got != korean[i] {
			t.Errorf("got %q, want %q", got, korean[i])
		}
	}
}
