package pages

import (
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/web-portal/internal/assets"
	"github.com/phonebill/phonebill/apps/web-portal/internal/text"
	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
)

// BenchmarkRender renders the pages that customers open most.
func BenchmarkRender(b *testing.B) {
	files, err := assets.New()
	if err != nil {
		b.Fatal(err)
	}
	pages, err := New(files, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	bill := &upstream.Bill{
		Line: "01012345678", Month: "202611", Plan: "5G 프리미엄", TotalAmount: 97750, DueDate: "20261225",
		Charges:   []upstream.Charge{{Name: "5G 프리미엄", From: "20261101", To: "20261130", Amount: 89000}},
		Discounts: []upstream.Discount{{Name: "선택약정 할인", Amount: 22250}},
	}
	inquiry := upstream.Inquiry{Bill: bill, AsOf: time.Now()}
	subscriber := upstream.Subscriber{Name: "김고객", Line: bill.Line, Plan: upstream.Plan{Name: "5G 프리미엄", Fee: 89000}}
	for name, content := range map[string]any{
		"home": Home{Subscriber: Part[upstream.Subscriber]{Value: subscriber}, Bill: Part[upstream.Inquiry]{Value: inquiry}, Plans: true, Bills: true},
		"bill": Bill{Month: "2026-11", Months: []string{"2026-11", "2026-10"}, Inquiry: inquiry, Bill: bill},
	} {
		frame := Frame{Language: text.Korean, Here: "/", Title: name, User: "testuser01", Plans: true, Bills: true, Idle: 1800, Content: content}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := pages.Render(name, frame); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
