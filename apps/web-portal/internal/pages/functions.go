package pages

import (
	"fmt"
	"html"
	"html/template"
	"time"
	"unicode"

	"github.com/phonebill/phonebill/apps/web-portal/internal/assets"
	"github.com/phonebill/phonebill/apps/web-portal/internal/text"
	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
)

// functions returns the functions of templates for a language.
func functions(files *assets.Assets, now func() time.Time, l text.Language) template.FuncMap {
	return template.FuncMap{
		"asset": files.URL, "line": text.Line, "masked": text.Masked, "dashedMonth": text.DashedMonth,
		"won": l.Won, "shortWon": l.ShortWon, "month": l.Month, "shortMonth": l.ShortMonth, "day": l.Day, "days": l.Days,
		"seconds": l.Seconds, "status": l.Status, "attempt": l.Attempt, "access": l.Access, "permission": l.Permission, "act": l.Act, "outcome": l.Outcome, "device": l.Device, "quantity": l.Quantity, "result": l.Result, "unanswered": l.Unanswered,
		"problem": func(f *upstream.Failure) string { return l.Problem(f.Code, f.Message) },
		"check":   func(c upstream.Check) string { return l.Check(c.Type, c.Passed(), c.Message) },
		"age":     func(moment time.Time) string { return l.Age(moment, now()) },
		"time":    func(moment time.Time) template.HTML { return timeElement(l, moment) },
		"t":       func(english string, args ...any) any { return translated(l, english, args) },
		"korean":  func(own string) any { return korean(l, own) },
		"strong":  func(text string) template.HTML { return element("<strong>%s</strong>", text) },
		"add":     func(a, b int) int { return a + b },
		"neg":     func(amount int64) int64 { return -amount },
	}
}

// element returns markup with escaped texts.
func element(markup string, texts ...any) template.HTML {
	for i, text := range texts {
		texts[i] = template.HTMLEscapeString(fmt.Sprint(text))
	}
	return template.HTML(fmt.Sprintf(markup, texts...)) //nolint:gosec // the markup is constant, and the texts are escaped
}

// translated returns a text in the language. If an argument is markup, the result is.
func translated(l text.Language, english string, args []any) any {
	markup := false
	for _, arg := range args {
		_, is := arg.(template.HTML)
		markup = markup || is
	}
	if !markup {
		return l.Text(english, args...)
	}
	for i, arg := range args {
		if s, ok := arg.(string); ok {
			args[i] = template.HTMLEscapeString(s)
		}
	}
	return template.HTML(fmt.Sprintf(html.EscapeString(l.Text(english)), args...)) //nolint:gosec // all is escaped, or markup before
}

// korean returns a name that is Korean in every language, such as that of a plan. Other languages
// mark it for screen readers.
func korean(l text.Language, own string) any {
	for _, r := range own {
		if l != text.Korean && unicode.Is(unicode.Hangul, r) {
			return element(`<span lang="ko">%s</span>`, own)
		}
	}
	return own
}

func timeElement(l text.Language, moment time.Time) template.HTML {
	return element(`<time datetime="%s">%s</time>`, moment.Format(time.RFC3339), l.Time(moment))
}
