// Package prefer reads the preferences of clients (RFC 7240).
package prefer

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Preferences are those that a server of ours can apply.
type Preferences struct {
	// Async is respond-async: the client does not want to wait for the outcome.
	Async bool
	// Wait is how long the client waits, and nil if it does not say.
	Wait *time.Duration
}

// Read returns the preferences in all Prefer headers. Of a preference that is
// named several times the first counts. One that is unknown, or not as RFC 7240
// has it, is ignored.
func Read(header http.Header) Preferences {
	var p Preferences
	seen := map[string]bool{}
	for _, element := range split(strings.Join(header.Values("Prefer"), ","), ',') {
		preference := split(element, ';')[0] // none of ours has parameters
		name, value, _ := strings.Cut(preference, "=")
		name = strings.ToLower(trim(name))
		if seen[name] {
			continue
		}
		seen[name] = true
		p.take(name, unquote(trim(value)))
	}
	return p
}

// maxDigits bounds the number of a wait: whatever has more is no shorter than a
// year, and no request lasts so long.
const maxDigits = 8

func (p *Preferences) take(name, value string) {
	switch name {
	case "respond-async":
		p.Async = value == "" // RFC 7240, section 2: an empty value is none
	case "wait":
		seconds, err := strconv.ParseUint(value, 10, 32)
		if err == nil && len(value) <= maxDigits {
			wait := time.Duration(seconds) * time.Second
			p.Wait = &wait
		}
	}
}

// Limit returns how long to wait for an outcome: as the client prefers, within
// limit.
func (p Preferences) Limit(limit time.Duration) time.Duration {
	switch {
	case p.Wait != nil:
		return min(*p.Wait, limit)
	case p.Async:
		return 0
	}
	return limit
}

// Applied says in the headers of an answer which preferences were applied: the
// wait if it is within limit, and respond-async if the answer is one to it.
func (p Preferences) Applied(header http.Header, limit time.Duration, async bool) {
	var applied []string
	if async && p.Async {
		applied = append(applied, "respond-async")
	}
	if p.Wait != nil && *p.Wait <= limit {
		applied = append(applied, "wait="+strconv.Itoa(int(*p.Wait/time.Second)))
	}
	if len(applied) > 0 {
		header.Set("Preference-Applied", strings.Join(applied, ", "))
	}
}

// split returns the parts of text between separators that are not within a quoted
// string. A string that does not end reaches to the end of text.
func split(text string, separator byte) []string {
	var parts []string
	start, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++ // a quoted pair
		case c == '"':
			quoted = !quoted
		case !quoted && c == separator:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

func trim(text string) string { return strings.Trim(text, " \t") }

// unquote returns the text of a quoted string, and any other text as it is.
func unquote(text string) string {
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return text
	}
	var plain strings.Builder
	for i := 1; i < len(text)-1; i++ {
		if text[i] == '\\' && i < len(text)-2 {
			i++
		}
		plain.WriteByte(text[i])
	}
	return plain.String()
}
