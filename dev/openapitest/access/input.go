package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/dev/openapitest"
)

// Input fails the test unless handler refuses invalid input of every operation of a document:
// bodies in other encodings, with invalid text, or with unknown, duplicate or wrongly cased
// members; malformed or undescribed queries; malformed ids; and methods that the path does not
// have. Refusals must conform to the document and use the operation's envelope, and HEAD must be
// answered like GET. admit adds the credentials that the operation's rule requires.
func Input(t testing.TB, document []byte, handler http.Handler, admit func(r *http.Request, rule Rule)) {
	t.Helper()
	InputOf(t, document, func(Operation) bool { return true }, handler, admit)
}

// InputOf is Input for the operations for which kept returns true.
func InputOf(t testing.TB, document []byte, kept func(Operation) bool, handler http.Handler, admit func(*http.Request, Rule)) {
	t.Helper()
	operations, err := Operations(document)
	if err != nil {
		t.Fatal(err)
	}
	described := openapitest.Load(t, document)
	for _, o := range operations {
		if !kept(o) {
			continue
		}
		tries := slices.Concat(o.bodyTries(), o.queryTries(), o.pathTries(), o.methodTries(methodsOf(operations, o.Path)))
		for _, try := range tries {
			if fault := try.judge(handler, admit, o, described); fault != "" {
				t.Errorf("%s, %s: %s", o.Name(), try.name, fault)
			}
		}
		if fault := o.head(handler, admit); fault != "" {
			t.Errorf("%s: %s", o.Name(), fault)
		}
	}
}

// methodsOf returns the methods of all operations whose paths match path: GET of /things/check is
// among those of /things/{id}.
func methodsOf(operations []Operation, path string) []string {
	var methods []string
	for _, o := range operations {
		if matches(o.Path, path) {
			methods = append(methods, o.Method)
		}
	}
	return methods
}

func matches(template, path string) bool {
	ours, theirs := strings.Split(template, "/"), strings.Split(path, "/")
	return slices.EqualFunc(ours, theirs, func(a, b string) bool { return a == b || strings.HasPrefix(a, "{") })
}

// try is a request with its expected answer.
type try struct {
	name         string
	method, path string
	header       map[string]string
	body         string
	status       []int             // accepted statuses
	field        string            // expected in fieldErrors
	own          bool              // in the operation's own envelope, which has no fieldErrors
	answer       map[string]string // headers
}

// judge returns what is wrong with the answer, or "".
func (y try) judge(handler http.Handler, admit func(*http.Request, Rule), o Operation, described *openapitest.Validator) string {
	request, answer := y.send(handler, admit, o)
	if !slices.Contains(y.status, answer.Code) {
		return fmt.Sprintf("answered %d, want %v: %s", answer.Code, y.status, answer.Body)
	}
	for name, want := range y.answer {
		if got := answer.Header().Get(name); got != want {
			return fmt.Sprintf("%s is %q, want %q", name, got, want)
		}
	}
	if fields := namedFields(answer.Body.Bytes()); y.own && fields != nil || y.field != "" && fields[y.field] == "" {
		return fmt.Sprintf("names %v, want %q: %s", fields, y.field, answer.Body)
	}
	err := described.Check(request, answer.Result(), answer.Body.Bytes())
	if err != nil && !errors.Is(err, openapitest.ErrUndescribed) { // another method or path has no description
		return fmt.Sprintf("answered %d, not as described: %v: %s", answer.Code, err, answer.Body)
	}
	return ""
}

// send sends the request.
func (y try) send(handler http.Handler, admit func(*http.Request, Rule), o Operation) (*http.Request, *httptest.ResponseRecorder) {
	path, query, _ := strings.Cut(y.path, "?")
	request := httptest.NewRequest(y.method, path, strings.NewReader(y.body)) //nolint:noctx // answered in this call
	request.URL.RawQuery = query                                              // may be malformed
	if y.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") // failures contain it
	admit(request, o.Rule)
	for name, value := range y.header {
		request.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return request, answer
}

// namedFields returns the fieldErrors of a failure, or nil without our envelope.
func namedFields(body []byte) map[string]string {
	var failure struct {
		Error *struct {
			Details struct {
				Fields map[string]string `json:"fieldErrors"`
			} `json:"details"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &failure) != nil || failure.Error == nil {
		return nil
	}
	if failure.Error.Details.Fields == nil {
		return map[string]string{}
	}
	return failure.Error.Details.Fields
}

// head returns how the answer to HEAD differs from that to GET, or "".
func (o Operation) head(handler http.Handler, admit func(*http.Request, Rule)) string {
	if o.Method != http.MethodGet {
		return ""
	}
	path := o.Example(nil).Path
	_, get := try{method: http.MethodGet, path: path}.send(handler, admit, o)
	_, head := try{method: http.MethodHead, path: path}.send(handler, admit, o)
	switch {
	case get.Code != head.Code:
		return fmt.Sprintf("GET is answered %d, HEAD %d", get.Code, head.Code)
	case head.Body.Len() > 0:
		return fmt.Sprintf("HEAD has a body: %s", head.Body)
	}
	for _, name := range slices.Sorted(maps.Keys(get.Header())) {
		if name == "Date" {
			continue
		}
		if got, want := head.Header().Values(name), get.Header().Values(name); !slices.Equal(got, want) {
			return fmt.Sprintf("%s of HEAD is %q, of GET %q", name, got, want)
		}
	}
	return ""
}
