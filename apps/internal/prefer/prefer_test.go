package prefer_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/prefer"
)

func seconds(n int) *time.Duration {
	d := time.Duration(n) * time.Second
	return &d
}

func TestRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		headers []string
		want    prefer.Preferences
	}{
		"nothing":                   {nil, prefer.Preferences{}},
		"respond-async":             {[]string{"respond-async"}, prefer.Preferences{Async: true}},
		"any case":                  {[]string{"Respond-ASYNC"}, prefer.Preferences{Async: true}},
		"parameters":                {[]string{"respond-async; x=1; y"}, prefer.Preferences{Async: true}},
		"an empty value":            {[]string{`respond-async=""`}, prefer.Preferences{Async: true}},
		"value of respond-async":    {[]string{"respond-async=1"}, prefer.Preferences{}},
		"a longer name":             {[]string{"respond-asynchronously"}, prefer.Preferences{}},
		"both":                      {[]string{"respond-async, wait=5"}, prefer.Preferences{Async: true, Wait: seconds(5)}},
		"several headers":           {[]string{"wait=5", "respond-async"}, prefer.Preferences{Async: true, Wait: seconds(5)}},
		"spaces":                    {[]string{" wait\t = 5 ,, ,respond-async ;"}, prefer.Preferences{Async: true, Wait: seconds(5)}},
		"a quoted wait":             {[]string{`wait="5"`}, prefer.Preferences{Wait: seconds(5)}},
		"a quoted pair":             {[]string{`wait="\5"`}, prefer.Preferences{Wait: seconds(5)}},
		"no wait at all":            {[]string{"wait=0"}, prefer.Preferences{Wait: seconds(0)}},
		"the first wins":            {[]string{"wait=3, wait=5", "Wait=7"}, prefer.Preferences{Wait: seconds(3)}},
		"the first is wrong":        {[]string{"wait=x, wait=5"}, prefer.Preferences{}},
		"a negative wait":           {[]string{"wait=-1"}, prefer.Preferences{}},
		"a sign":                    {[]string{"wait=+1"}, prefer.Preferences{}},
		"a fraction":                {[]string{"wait=1.5"}, prefer.Preferences{}},
		"too long a wait":           {[]string{"wait=99999999999999999999"}, prefer.Preferences{}},
		"within a quoted string":    {[]string{`foo="a, respond-async, wait=1"`}, prefer.Preferences{}},
		"behind a quoted string":    {[]string{`foo="a\", b", respond-async`}, prefer.Preferences{Async: true}},
		"in a parameter":            {[]string{"foo; respond-async; wait=1"}, prefer.Preferences{}},
		"unterminated string":       {[]string{`foo="a, respond-async`}, prefer.Preferences{}},
		"other languages":           {[]string{"비동기, respond-async"}, prefer.Preferences{Async: true}},
		"others (RFC 7240, 4)":      {[]string{"return=minimal, handling=strict, respond-async"}, prefer.Preferences{Async: true}},
		"a parameter of wait":       {[]string{"wait=5;x=6"}, prefer.Preferences{Wait: seconds(5)}},
		"a parameter with a comma":  {[]string{`x; y="a,b", wait=2`}, prefer.Preferences{Wait: seconds(2)}},
		"a parameter, a semicolon":  {[]string{`x; y="a;b", wait=2`}, prefer.Preferences{Wait: seconds(2)}},
		"a backslash, no string":    {[]string{`a\, wait=2`}, prefer.Preferences{Wait: seconds(2)}},
		"a string with a backslash": {[]string{`a="\\", wait=2`}, prefer.Preferences{Wait: seconds(2)}},
	} {
		if diff := cmp.Diff(c.want, prefer.Read(http.Header{"Prefer": c.headers})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestLimitAndApplied(t *testing.T) {
	t.Parallel()
	const most = 8 * time.Second
	for name, c := range map[string]struct {
		p       prefer.Preferences
		async   bool
		limit   time.Duration
		applied string
	}{
		"nothing":            {prefer.Preferences{}, false, most, ""},
		"202 by default":     {prefer.Preferences{}, true, most, ""},
		"respond-async":      {prefer.Preferences{Async: true}, true, 0, "respond-async"},
		"done at once":       {prefer.Preferences{Async: true}, false, 0, ""},
		"shorter than limit": {prefer.Preferences{Wait: seconds(3)}, false, 3 * time.Second, "wait=3"},
		"no wait":            {prefer.Preferences{Wait: seconds(0)}, false, 0, "wait=0"},
		"longer than limit":  {prefer.Preferences{Wait: seconds(60)}, false, most, ""},
		"both":               {prefer.Preferences{Async: true, Wait: seconds(3)}, true, 3 * time.Second, "respond-async, wait=3"},
		"both, done in time": {prefer.Preferences{Async: true, Wait: seconds(3)}, false, 3 * time.Second, "wait=3"},
	} {
		header := http.Header{}
		c.p.Applied(header, most, c.async)
		if got := header.Get("Preference-Applied"); got != c.applied || c.p.Limit(most) != c.limit {
			t.Errorf("%s: limit %s, applied %q", name, c.p.Limit(most), got)
		}
	}
}

// FuzzRead checks that parsed preferences occur in the text, and that no text hides
// the preferences before it.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"", "respond-async", "wait=5, respond-async", `foo="a, respond-async"`, `wait="\"`, "\x00", strings.Repeat(",", 1000), `a="`, `\`, "wait=99999999",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := prefer.Read(http.Header{"Prefer": {text}})
		if got.Async && !strings.Contains(strings.ToLower(text), "respond-async") || got.Wait != nil && *got.Wait < 0 {
			t.Errorf("%q: got %+v", text, got)
		}
		first := prefer.Read(http.Header{"Prefer": {"respond-async, wait=7", text}})
		if !first.Async || first.Wait == nil || *first.Wait != 7*time.Second {
			t.Errorf("%q hides what comes before", text)
		}
	})
}
