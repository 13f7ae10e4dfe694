package fuzz_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/e2e/internal/abuse"
	"github.com/phonebill/phonebill/dev/e2e/internal/fuzz"
	"github.com/phonebill/phonebill/dev/openapitest"
	"github.com/phonebill/phonebill/dev/openapitest/access"
)

const document = `
openapi: 3.1.0
info: {title: things, version: "1"}
security: [{ accessToken: [] }]
paths:
  /things:
    post:
      x-access: public
      security: []
      parameters: [{name: Prefer, in: header, schema: {type: string}}]
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [name, count]
              properties:
                name: {type: string, minLength: 2, maxLength: 20}
                count: {type: integer, minimum: 1, maximum: 9}
                kind: {enum: [BIG, SMALL]}
                inner: {type: object, required: [tags], properties: {tags: {type: array, items: {type: string}}}}
      responses:
        "200": {description: done, content: {application/json: {schema: {type: object, additionalProperties: false, properties: {id: {type: string}}}}}}
        default: {description: refused, content: {application/json: {schema: {$ref: "#/components/schemas/Failure"}}}}
  /things/{userId}:
    get:
      x-access: authenticated
      x-owned: { user: path.userId }
      parameters:
        - {name: userId, in: path, required: true, schema: {type: string}}
        - {name: page, in: query, schema: {type: integer, minimum: 1, maximum: 100}}
      responses:
        "200": {description: done, content: {application/json: {schema: {type: object, additionalProperties: false, properties: {id: {type: string}}}}}}
        default: {description: refused, content: {application/json: {schema: {$ref: "#/components/schemas/Failure"}}}}
components:
  securitySchemes: {accessToken: {type: http, scheme: bearer}}
  schemas:
    Failure:
      type: object
      required: [success, error, message]
      properties:
        success: {const: false}
        message: {type: string}
        error: {type: object, required: [code, message, traceId], properties: {code: {type: string}, message: {type: string}, traceId: {type: string}}}
`

func operations(t *testing.T) []fuzz.Operation {
	t.Helper()
	described, err := access.Operations([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	var all []fuzz.Operation
	for _, operation := range described {
		all = append(all, fuzz.Operation{Operation: operation, Service: "things"})
	}
	return all
}

const token = "token-of-kim-that-is-long-enough-to-be-a-secret"

var world = fuzz.World{
	Callers: []fuzz.Caller{
		{Name: "anybody", Rules: []access.Rule{access.Public}},
		{
			Name: "kim", Rules: []access.Rule{access.Authenticated}, Person: abuse.Person{Token: token, Owns: map[string]string{"user": "kim"}},
			Credential: []fuzz.Field{{Name: "X-Credential", Value: "credential-of-kim"}},
		},
	},
	Values: map[string][]string{"name": {"kim", "lee"}},
}

// plant is an injected fault; it reports whether it handled the request.
type plant func(w http.ResponseWriter, r *http.Request, body []byte) bool

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"success":false,"error":{"code":"REFUSED","message":%q,"traceId":"4bf92f3577b34da6a3ce929d0e0e4736"},"message":%[1]q}`, message)
}

// service conforms to the document, except for the injected fault.
func service(bad plant) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		known := r.URL.Path == "/things" || strings.Count(r.URL.Path, "/") == 2 && strings.HasPrefix(r.URL.Path, "/things/")
		switch {
		case bad != nil && bad(w, r, body):
		case !known:
			refuse(w, http.StatusNotFound, "not here")
		case r.URL.Path == "/things" && r.Method != http.MethodPost, r.URL.Path != "/things" && r.Method != http.MethodGet:
			refuse(w, http.StatusMethodNotAllowed, "not so")
		case r.Method == http.MethodPost && (err != nil || !json.Valid(body)):
			refuse(w, http.StatusBadRequest, "not read")
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"id":"1"}`)
		}
	})
}

// run sends requests to a service with an injected fault.
func run(t *testing.T, bad plant, requests int) fuzz.Report {
	t.Helper()
	server := httptest.NewServer(service(bad))
	t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	r := fuzz.Run{
		Generator: fuzz.Generator{Seed: 1, Operations: operations(t)}, Requests: requests, Workers: 4,
		World: func(int) fuzz.World { return world },
		Host:  func(string) string { return address },
		Dial: func(string) fuzz.Dial {
			return func(ctx context.Context) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "tcp", address)
			}
		},
		Judge: &fuzz.Judge{Documents: openapitest.Load(t, []byte(document)), Direct: true, Text: true},
	}
	report := r.Do(t.Context())
	if report.Requests != requests {
		t.Errorf("%d requests of %d", report.Requests, requests)
	}
	return report
}

func TestCorrectServiceHasNoFaults(t *testing.T) {
	t.Parallel()
	report := run(t, nil, 2000)
	for _, fault := range report.Faults {
		t.Error(fault)
	}
	for _, operation := range operations(t) {
		if name := "things " + operation.Name(); report.Reached[name][http.StatusOK] == 0 {
			t.Errorf("no valid request has reached %s", name)
		}
	}
}

// TestPlantedFaultsAreFound injects faults that single mutations reveal.
func TestPlantedFaultsAreFound(t *testing.T) {
	t.Parallel()
	broken := func(w http.ResponseWriter) bool {
		refuse(w, http.StatusInternalServerError, "broken")
		return true
	}
	for name, tc := range map[string]struct {
		bad    plant
		what   string
		change []string // the minimal mutation must be one of these
	}{
		"500 for a lone surrogate": {
			func(w http.ResponseWriter, _ *http.Request, body []byte) bool {
				return bytes.Contains(body, []byte(`\ud800`)) && broken(w)
			}, "answered 500", []string{"member of another type", "member twice", "unknown member", "body of another kind", "body where none is due", "member's name broken"},
		},
		"500 for a member twice": {
			func(w http.ResponseWriter, _ *http.Request, body []byte) bool {
				return bytes.Count(body, []byte(`"count":`)) == 2 && broken(w)
			}, "answered 500", []string{"member twice"},
		},
		"500 for a body in chunks": {
			func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
				return len(r.TransferEncoding) > 0 && broken(w)
			}, "answered 500", []string{"body in chunks"},
		},
		"503 for a user id with a bar": {
			func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
				if !strings.Contains(r.URL.Path, "||") {
					return false
				}
				refuse(w, http.StatusServiceUnavailable, "try later")
				return true
			}, "answered 503", []string{"hostile path value", "path value nearly right", "path value not escaped", "stray segment"},
		},
		"internal text": {
			func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
				if r.URL.Query().Get("page") != "99999999999999999999" {
					return false
				}
				refuse(w, http.StatusBadRequest, "strconv.Atoi: out of range")
				return true
			}, `contains "strconv"`, []string{"hostile query value"},
		},
		"a body that is not described": {
			func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
				if !strings.Contains(r.Header.Get("Prefer"), "wait") {
					return false
				}
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"secret":"x"}`)
				return true
			}, "is not as described", []string{"hostile header", "header twice"},
		},
		"no answer": {
			func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
				if r.Method == http.MethodDelete {
					panic(http.ErrAbortHandler)
				}
				return false
			}, "has no answer", []string{"other method"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := run(t, tc.bad, 2000)
			if len(report.Faults) == 0 {
				t.Fatal("not found")
			}
			for _, fault := range report.Faults {
				if !strings.Contains(fault.What, tc.what) || !fault.Again || len(fault.Change) != 1 || !slices.Contains(tc.change, fault.Change[0]) {
					t.Error(fault)
				}
			}
		})
	}
}

// TestReportsContainNoSecrets checks the report of a request with a token.
func TestReportsContainNoSecrets(t *testing.T) {
	t.Parallel()
	report := run(t, func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		if r.Header.Get("X-Credential") != "" {
			refuse(w, http.StatusInternalServerError, r.Header.Get("Authorization"))
		}
		return r.Header.Get("X-Credential") != ""
	}, 500)
	if len(report.Faults) == 0 {
		t.Fatal("not found")
	}
	for _, fault := range report.Faults {
		if text := fault.String(); strings.Contains(text, token) || strings.Contains(text, "credential-of-kim") || !strings.Contains(text, "<token of kim>") {
			t.Errorf("the report is %s", text)
		}
	}
}

func TestSeedDeterminesTheRequests(t *testing.T) {
	t.Parallel()
	wires := func(seed uint64) [][]byte {
		g := fuzz.Generator{Seed: seed, Operations: operations(t), Framing: true}
		var all [][]byte
		for n := range 3000 {
			all = append(all, g.Case(n, world).Request().Wire("host"))
		}
		return all
	}
	first, again, other := wires(1), wires(1), wires(2)
	different := 0
	for n := range first {
		if !bytes.Equal(first[n], again[n]) {
			t.Fatalf("case %d differs the second time:\n%s\n%s", n, first[n], again[n])
		}
		if !bytes.Equal(first[n], other[n]) {
			different++
		}
	}
	if different < len(first)*9/10 {
		t.Errorf("only %d of %d requests differ with another seed", different, len(first))
	}
}

func TestEveryMutationIsGenerated(t *testing.T) {
	t.Parallel()
	g := fuzz.Generator{Seed: 1, Operations: operations(t), Framing: true}
	made := map[string]bool{}
	for n := range 5000 {
		for _, name := range g.Case(n, world).Names() {
			made[name] = true
		}
	}
	for _, name := range fuzz.Mutations() {
		if !made[name] {
			t.Errorf("%q is never generated", name)
		}
	}
}

// TestJudge checks answers that a net/http server cannot be made to give.
func TestJudge(t *testing.T) {
	t.Parallel()
	judge := &fuzz.Judge{Documents: openapitest.Load(t, []byte(document))}
	found := operations(t)[slices.IndexFunc(operations(t), func(o fuzz.Operation) bool { return o.Method == http.MethodGet })]
	ok := fuzz.Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"id":"1"}`)}
	for name, tc := range map[string]struct {
		method, target string
		change         func(*fuzz.Answer)
		fault          string
	}{
		"as described":         {"GET", "/things/kim", nil, ""},
		"a path tidied":        {"GET", "/x/..//things/kim", nil, ""},
		"slow":                 {"GET", "/things/kim", func(a *fuzz.Answer) { a.Took = 9 * time.Second }, "took 9s"},
		"answered twice":       {"GET", "/things/kim", func(a *fuzz.Answer) { a.Surplus = true }, "more than once"},
		"a header of ours":     {"GET", "/things/kim", func(a *fuzz.Answer) { a.Header.Set("X-Injected", "yes") }, "into its answer"},
		"a body for HEAD":      {"HEAD", "/things/kim", nil, "none is allowed"},
		"nothing for HEAD":     {"HEAD", "/things/kim", func(a *fuzz.Answer) { a.Body = nil }, ""},
		"an unknown path":      {"POST", "/nothing", nil, "to an unknown operation"},
		"a target that is not": {"GET", "x", nil, "to an unknown operation"},
		"text":                 {"PUT", "/things", func(a *fuzz.Answer) { a.Status, a.Body = 400, []byte("400 Bad Request") }, "without an envelope"},
		"an empty envelope":    {"PUT", "/things", func(a *fuzz.Answer) { a.Status, a.Body = 400, []byte(`{}`) }, "message must repeat"},
		"a status of its own":  {"GET", "/things/kim", func(a *fuzz.Answer) { a.Status = 101 }, "not a final status"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := ok
			answer.Header = ok.Header.Clone()
			if tc.change != nil {
				tc.change(&answer)
			}
			got := judge.Fault(fuzz.Case{Operation: found}, fuzz.Request{Method: tc.method, Target: tc.target}, answer)
			if (got != "") != (tc.fault != "") || !strings.Contains(got, tc.fault) {
				t.Errorf("got %q, want %q", got, tc.fault)
			}
		})
	}
}

func TestCurlLine(t *testing.T) {
	t.Parallel()
	request := fuzz.Request{
		Method: "POST", Target: "/a?b=%00", Version: "HTTP/1.1", Body: []byte("{\"a\":\"it's \xff\"}"),
		Header: []fuzz.Field{{Name: "Host"}, {Name: "X-A", Value: "b c"}},
	}
	const want = `curl -i --path-as-is -X 'POST' -H 'X-A: b c' --data-binary $'{"a":"it\'s \xff"}' 'http://127.0.0.1/a?b=%00'`
	if got := request.Curl("http://127.0.0.1"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
