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

// declaring is a handler with the names of the parameters that it takes.
type declaring struct {
	http.Handler

	names []string
}

// Declare returns h as the handler of a route that takes the parameters of these
// names. A route whose handler is not declared takes none.
func Declare(h http.Handler, names ...string) http.Handler {
	return declaring{Handler: h, names: names}
}

// declared returns the parameters that the route of r takes.
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

// Middleware answers 400 to requests whose query is not well-formed or has a
// parameter that the route does not declare. It belongs on the router itself, so
// that it covers every route.
func Middleware(next http.Handler) http.Handler {
	return httpjson.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if err := New(r).Err(); err != nil {
			return err
		}
		next.ServeHTTP(w, r)
		return nil
	})
}

// Bounds of what an answer repeats of a query.
const (
	maxFaults = 16
	maxName   = 64 // bytes
)

// parse reads the pairs of a raw query into the reader: each declared parameter
// once, with a value, percent-encoded UTF-8. Pieces between two ampersands that
// are empty are no pairs.
func (r *Reader) parse(raw string, names []string) {
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, fault := r.take(pair, names)
		if fault != "" && len(r.faults) < maxFaults {
			r.faults[shown(name)] = fault
		}
	}
}

// take keeps the value of a pair, or returns what is wrong with it.
func (r *Reader) take(pair string, names []string) (name, fault string) {
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
	r.values[name] = value
	return name, ""
}

func (r *Reader) has(name string) bool {
	_, given := r.values[name]
	return given
}

// shown returns a name as an answer repeats it.
func shown(name string) string {
	return strings.ToValidUTF8(name[:min(len(name), maxName)], "\uFFFD")
}
