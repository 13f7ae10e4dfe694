// Package prefer parses the Prefer header (RFC 7240).
package prefer

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Preferences are the preferences that our services support.
type Preferences struct {
	// Async is respond-async: the client does not wait for the outcome.
	Async bool
	// Wait is how long the client waits, or nil.
	Wait *time.Duration
}

// Read parses all Prefer headers. If a preference occurs several times, the first
// one counts. Unknown and malformed preferences are ignored.
func Read(header http.Header) Preferences {
	var p Preferences
	if len(header["Prefer"]) == 0 {
		return p // the common case
	}
	seen := map[string]bool{}
	for _, element := range split(strings.Join(header.Values("Prefer"), ","), ',') {
		preference := split(element, ';')[0] // without parameters, as ours have none
		name, value, _ := strings.Cut(preference, "=")
		name = strings.ToLower(trim(name))
		if seen[name] {
			continue
		}
		seen[name] = true
		p.set(name, unquote(trim(value)))
	}
	return p
}

// maxDigits is the maximum number of digits of a wait in seconds, three years.
const maxDigits = 8

func (p *Preferences) set(name, value string) {
	switch name {
	case "respond-async":
		p.Async = value == "" // RFC 7240, section 2: an empty value is no value
	case "wait":
		seconds, err := strconv.ParseUint(value, 10, 32)
		if err == nil && len(value) <= maxDigits {
			wait := time.Duration(seconds) * time.Second
			p.Wait = &wait
		}
	}
}

// Limit returns how long to wait for an outcome: as long as the client prefers, but
// at most limit.
func (p Preferences) Limit(limit time.Duration) time.Duration {
	switch {
	case p.Wait != nil:
		return min(*p.Wait, limit)
	case p.Async:
		return 0
	}
	return limit
}

// Applied sets Preference-Applied: wait if it is at most limit, and respond-async if
// async reports that the response is asynchronous.
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

// split splits text at separators outside of quoted strings. An unterminated quoted
// string extends to the end of text.
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

// unquote returns the content of a quoted string. Other text is unchanged.
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
