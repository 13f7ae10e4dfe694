package openapitest_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/dev/openapitest"
)

const users = `
openapi: 3.1.0
info: {title: users, version: "1"}
servers: [{url: "https://example.com"}]
paths:
  /users/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: string}}
    get:
      responses:
        "200":
          description: found
          content:
            application/json:
              schema:
                type: object
                additionalProperties: false
                required: [id, line]
                properties:
                  id: {type: string}
                  line: {type: [string, "null"]}
                  fee: {type: integer, minimum: 0}
                  kind: {const: user}
        "202":
          description: later
          headers: {Location: {required: true, schema: {type: string}}}
  /users:
    get:
      responses:
        "200":
          description: all
          content: {application/json: {schema: {type: array, items: {type: string}}}}
`

const bills = `
openapi: 3.1.0
info: {title: bills, version: "1"}
paths:
  /bills:
    get:
      responses:
        "200": {description: all, content: {application/json: {schema: {type: array, items: {type: integer}}}}}
`

// recorder is a testing.TB that records faults.
type recorder struct {
	testing.TB

	faults []string
}

func (*recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// errFatal replaces the exit of Fatalf.
var errFatal = errors.New("fatal")

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(errFatal)
}

// answering is a service with a fixed answer.
type answering struct {
	status int
	header string // "Location: /x", besides the content type
	body   string
	err    error
}

func (a answering) RoundTrip(*http.Request) (*http.Response, error) {
	if a.err != nil {
		return nil, a.err
	}
	header := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	if name, value, ok := strings.Cut(a.header, ": "); ok {
		header.Set(name, value)
	}
	return &http.Response{StatusCode: a.status, Header: header, Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

func TestTransportValidatesAnswers(t *testing.T) {
	t.Parallel()
	documents := openapitest.Load(t, []byte(users), []byte(bills))
	tests := map[string]struct {
		request string
		answer  answering
		fault   string // part of it; "" for none
	}{
		"as described":               {"GET /users/7", answering{status: 200, body: `{"id":"7","line":"010","fee":1,"kind":"user"}`}, ""},
		"null where it may be":       {"GET /users/7", answering{status: 200, body: `{"id":"7","line":null}`}, ""},
		"null where it may not be":   {"GET /users/7", answering{status: 200, body: `{"id":null,"line":"010"}`}, "id"},
		"field missing":              {"GET /users/7", answering{status: 200, body: `{"id":"7"}`}, "line"},
		"field of another type":      {"GET /users/7", answering{status: 200, body: `{"id":"7","line":"010","fee":"1"}`}, "fee"},
		"value out of range":         {"GET /users/7", answering{status: 200, body: `{"id":"7","line":"010","fee":-1}`}, "fee"},
		"other constant":             {"GET /users/7", answering{status: 200, body: `{"id":"7","line":"010","kind":"x"}`}, "kind"},
		"field not described":        {"GET /users/7", answering{status: 200, body: `{"id":"7","line":"010","password":"x"}`}, "password"},
		"other shape":                {"GET /users/7", answering{status: 200, body: `[]`}, "200"},
		"not JSON":                   {"GET /users/7", answering{status: 200, body: `<html>`}, "200"},
		"empty":                      {"GET /users/7", answering{status: 200, body: ``}, "200"},
		"other content type":         {"GET /users/7", answering{status: 200, header: "Content-Type: text/plain", body: `{"id":"7","line":null}`}, "text/plain"},
		"status not described":       {"GET /users/7", answering{status: 500, body: `{}`}, "500"},
		"header as described":        {"GET /users/7", answering{status: 202, header: "Location: /x"}, ""},
		"body where none is allowed": {"GET /users/7", answering{status: 202, header: "Location: /x", body: `{}`}, "no body"},
		"header missing":             {"GET /users/7", answering{status: 202}, "Location"},
		"path beside a longer one":   {"GET /users", answering{status: 200, body: `["7"]`}, ""},
		"operation of a second file": {"GET /bills?page=1", answering{status: 200, body: `[1]`}, ""},
		"its answer is checked too":  {"GET /bills?page=1", answering{status: 200, body: `["1"]`}, "200"},
		"unknown path, served":       {"GET /admin", answering{status: 200, body: `{}`}, "no document"},
		"unknown path, broken":       {"GET /admin", answering{status: 500, body: `{}`}, "no document"},
		"unknown path, refused":      {"GET /admin", answering{status: 404, body: `{}`}, ""},
		"unknown method, served":     {"DELETE /users/7", answering{status: 204}, "no document"},
		"unknown method, refused":    {"DELETE /users/7", answering{status: 405, body: `{}`}, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			watched := &recorder{TB: t}
			validator := documents.For(watched)
			method, path, _ := strings.Cut(tc.request, " ")
			req, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:8080"+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := validator.Transport(tc.answer).RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			if text, err := io.ReadAll(resp.Body); err != nil || string(text) != tc.answer.body {
				t.Errorf("the client reads %q, %v", text, err)
			}
			got := strings.Join(watched.faults, "\n")
			if (got != "") != (tc.fault != "") || !strings.Contains(got, tc.fault) {
				t.Errorf("got %q, want %q", got, tc.fault)
			}
		})
	}
}

func TestTransportForwardsErrors(t *testing.T) {
	t.Parallel()
	refused := errors.New("connection refused")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1/users", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openapitest.Load(t, []byte(users)).Transport(answering{err: refused}).RoundTrip(req); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
}

func TestTransportForwardsBrokenBodies(t *testing.T) {
	t.Parallel()
	broken := &brokenBody{}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1/users", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer := base(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: broken}, nil
	})
	if _, err := openapitest.Load(t, []byte(users)).Transport(answer).RoundTrip(req); !errors.Is(err, io.ErrUnexpectedEOF) || !broken.closed {
		t.Errorf("got %v, closed %t", err, broken.closed)
	}
}

type base func(*http.Request) (*http.Response, error)

func (f base) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type brokenBody struct{ closed bool }

func (*brokenBody) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
func (b *brokenBody) Close() error           { b.closed = true; return nil }

func TestLoadRefusesInvalidDocuments(t *testing.T) {
	t.Parallel()
	for name, document := range map[string]string{
		"not YAML":             "{",
		"not OpenAPI":          "title: x",
		"dangling reference":   strings.Replace(users, "{type: array, items: {type: string}}", `{$ref: "#/components/schemas/Gone"}`, 1),
		"undeclared parameter": strings.Replace(users, "{name: id,", "{name: other,", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			watched := &recorder{TB: t}
			defer func() {
				cause, _ := recover().(error)
				if !errors.Is(cause, errFatal) || len(watched.faults) != 1 {
					t.Errorf("accepted: %v, %v", cause, watched.faults)
				}
			}()
			openapitest.Load(watched, []byte(document))
		})
	}
}
