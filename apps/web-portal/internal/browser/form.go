package browser

import (
	"errors"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// formType is the Content-Type of forms.
const formType = "application/x-www-form-urlencoded"

// ReadForm parses the form of r into r.PostForm, as strictly as the services parse their bodies:
// UTF-8 without a content coding, and each field once. It returns 0, or the status of a refusal,
// whose headers it sets.
//
// Bytes that are not UTF-8 must not reach a service: in JSON, all of them become U+FFFD, so that
// different passwords would be the same.
func ReadForm(w http.ResponseWriter, r *http.Request) (refusal int) {
	if types := r.Header.Values("Content-Type"); len(types) != 1 || !isForm(types[0]) {
		w.Header().Set("Accept", formType)
		return http.StatusUnsupportedMediaType
	}
	if strings.Trim(strings.Join(r.Header.Values("Content-Encoding"), ","), ", \t") != "" {
		w.Header().Set("Accept-Encoding", "identity")
		return http.StatusUnsupportedMediaType
	}
	if err := r.ParseForm(); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return http.StatusRequestEntityTooLarge
		}
		return http.StatusBadRequest
	}
	for name, values := range r.PostForm {
		if len(values) > 1 || !utf8.ValidString(name) || !utf8.ValidString(values[0]) {
			return http.StatusBadRequest
		}
	}
	return 0
}

// isForm reports whether a Content-Type is a form in UTF-8.
func isForm(contentType string) bool {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != formType {
		return false
	}
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}
