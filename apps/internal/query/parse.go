package query

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
)

// declaring is a handler with the names of its query parameters.
type declaring struct {
	http.Handler

	names    []string
	tolerant bool
}

// Declare returns a handler for a route with the query parameters names. A route
// whose handler was not returned by Declare has none.
func Declare(h http.Handler, names ...string) http.Handler {
	return declaring{Handler: h, names: names}
}

// Tolerate returns a handler for a route whose query is not checked. It is for pages,
// because other sites add parameters to links.
func Tolerate(h http.Handler) http.Handler {
	return declaring{Handler: h, tolerant: true}
}

// tolerated reports whether r's route has a handler of Tolerate.
func tolerated(r *http.Request) bool {
	route := mux.CurrentRoute(r)
	if route == nil {
		return false
	}
	handler, ok := route.GetHandler().(declaring)
	return ok && handler.tolerant
}

// declared returns the names of the query parameters of r's route.
func declared(r *http.Request) []string {
	route := mux.CurrentRoute(r)
	if route == nil {
		return nil
	}
	handler, ok := route.GetHandler().(declaring)
	if !ok {
		return nil
	}
	return handler.names
}

// Middleware answers 400 to requests whose query is malformed or has a parameter
// that the route does not declare, unless the route tolerates any. The root router must
// use it, so that it applies to every route.
func Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" && !tolerated(r) {
			if err := New(r).Err(); err != nil {
				httpjson.Fail(w, r, err)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// Limits of the part of a query that a response repeats.
const (
	maxFaults = 16
	maxName   = 64 // bytes
)

// parse parses a raw query into values and faults. Each parameter must be declared
// and occur once, with a value in percent-encoded UTF-8. Empty pairs are ignored.
func (r *Reader) parse(raw string, names []string) {
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, fault := r.parsePair(pair, names)
		if fault != "" && len(r.faults) < maxFaults {
			r.fault(truncate(name), fault)
		}
	}
}

// parsePair stores the value of a pair, or returns a message for the client.
func (r *Reader) parsePair(pair string, names []string) (name, fault string) {
	rawName, rawValue, _ := strings.Cut(pair, "=")
	name, nameErr := url.QueryUnescape(rawName)
	value, valueErr := url.QueryUnescape(rawValue)
	switch {
	case nameErr != nil:
		return rawName, "퍼센트 인코딩이 올바르지 않습니다."
	case valueErr != nil:
		return name, "퍼센트 인코딩이 올바르지 않습니다."
	case strings.Contains(pair, ";"):
		name, _, _ = strings.Cut(name, ";")
		return name, "';'는 구분자로 사용할 수 없습니다."
	case !slices.Contains(names, name):
		return name, "알 수 없는 항목입니다."
	case r.has(name):
		return name, "한 번만 지정할 수 있습니다."
	case value == "":
		return name, "값을 입력해야 합니다."
	case !utf8.ValidString(value):
		return name, "UTF-8 문자만 사용할 수 있습니다."
	}
	if r.values == nil {
		r.values = map[string]string{}
	}
	r.values[name] = value
	return name, ""
}

func (r *Reader) has(name string) bool {
	_, ok := r.values[name]
	return ok
}

// truncate returns a name as valid UTF-8 of at most maxName bytes, for responses.
func truncate(name string) string {
	return strings.ToValidUTF8(name[:min(len(name), maxName)], "\uFFFD")
}
