package pages

import (
	"testing"

	"github.com/phonebill/phonebill/apps/web-portal/internal/text"
	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
)

func TestFilter(t *testing.T) {
	t.Parallel()
	offers := upstream.Offers{Plans: []upstream.Plan{
		{Code: "A", Fee: 39000, Data: "20GB"}, {Code: "B", Fee: 89000, Data: "무제한"}, {Code: "C", Fee: 59000, Data: "무제한"},
	}}
	current := upstream.Subscriber{Plan: upstream.Plan{Fee: 50000}}
	codes := func(f Filter) (found string) {
		for _, offer := range f.Apply(text.Korean, current, offers).Offers {
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
	compared := NewFilter("", "", "", []string{"B", "X"}).Apply(text.Korean, current, offers).Compared
	if len(compared) != 1 || compared[0].Difference != 39000 {
		t.Errorf("compared: %+v", compared)
	}
}

// TestMarkupOfArgumentsIsKept escapes everything else.
func TestMarkupOfArgumentsIsKept(t *testing.T) {
	t.Parallel()
	const name = "<b>이름</b>"
	for _, test := range []struct{ got, want any }{
		{translated(text.English, "Hello, %s", []any{name}), "Hello, " + name}, // the template escapes it
		{translated(text.English, "Hello, %s", []any{korean(text.English, name)}), element(`Hello, <span lang="ko">%s</span>`, name)},
		{translated(text.Korean, "Hello, %s", []any{element("<strong>%s</strong>", "x")}), element("<strong>%s</strong>님, 안녕하세요", "x")},
		{korean(text.Korean, name), name},
		{korean(text.English, "LTE"), "LTE"},
	} {
		if test.got != test.want {
			t.Errorf("got %v, want %v", test.got, test.want)
		}
	}
}
