package httpjson

import (
	"net/http"
	"strings"
)

// respondAsync is the preference of a client that does not want to wait: RFC
// 7240, section 4.1.
const respondAsync = "respond-async"

// PrefersAsync reports whether a client does not want to wait. Its other
// preferences are none of ours.
func PrefersAsync(r *http.Request) bool {
	for _, header := range r.Header.Values("Prefer") {
		for preference := range strings.SplitSeq(header, ",") {
			name, _, _ := strings.Cut(preference, ";")
			if strings.EqualFold(strings.TrimSpace(name), respondAsync) {
				return true
			}
		}
	}
	return false
}

// AppliedAsync tells a client that it does not have to wait.
func AppliedAsync(w http.ResponseWriter) { w.Header().Set("Preference-Applied", respondAsync) }
