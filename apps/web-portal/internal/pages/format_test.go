package pages

import (
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
)

func TestFormats(t *testing.T) {
	t.Parallel()
	moment := time.Date(2026, 11, 30, 15, 5, 0, 0, time.UTC)
	for want, got := range map[string]string{
		"0원": won(0), "1,234,567원": won(1234567), "−500원": won(-500), "8.9만원": shortWon(89000), "9만원": shortWon(90000), "900원": shortWon(900),
		"2026년 11월": month("2026-11"), "7월": shortMonth("202607"), "x": month("x"), "2026년 12월 1일 (화)": day("20261201"),
		"11월 10일 ~ 30일 (21일간)": days(upstream.Charge{From: "20261110", To: "20261130"}),
		"2026. 12. 1. 00:05":   at(moment), "방금 전": age(moment, moment), "59분 전": age(moment, moment.Add(59*time.Minute)),
		"3시간 전": age(moment, moment.Add(200*time.Minute)), "2일 전": age(moment, moment.Add(50*time.Hour)),
		"1초": wait(0), "1분 30초": wait(90), "2분": wait(120), "010-1234-5678": line("01012345678"),
		"Chrome · Android": device("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36"), "알 수 없는 기기": device(""),
		"Safari · iPhone": device("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1"),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	offers := upstream.Offers{Plans: []upstream.Plan{
		{Code: "A", Fee: 39000, Data: "20GB"}, {Code: "B", Fee: 89000, Data: "무제한"}, {Code: "C", Fee: 59000, Data: "무제한"},
	}}
	current := upstream.Subscriber{Plan: upstream.Plan{Fee: 50000}}
	codes := func(f Filter) (found string) {
		for _, offer := range f.Apply(current, offers).Offers {
			found += offer.Code
		}
		return found
	}
	for want, filter := range map[string]Filter{
		"ACB": NewFilter("", "", "", nil), "BCA": NewFilter("", "", "high", nil), "AC": NewFilter("60000", "", "", nil),
		"CB": NewFilter("", "unlimited", "", nil), "C": NewFilter("60000", "unlimited", "x", nil),
	} {
		if got := codes(filter); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	compared := NewFilter("", "", "", []string{"B", "X"}).Apply(current, offers).Compared
	if len(compared) != 1 || compared[0].Difference != 39000 {
		t.Errorf("compared: %+v", compared)
	}
}
