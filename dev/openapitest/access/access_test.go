package access_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/dev/openapitest/access"
)

// document has an operation for each rule.
const document = `
openapi: 3.1.0
info: {title: things, version: "1"}
security: [{ accessToken: [] }]
paths:
  /login:
    post:
      x-access: public
      security: []
      responses: {default: {description: done}}
  /things/{requestId}:
    parameters: [{name: requestId, in: path, required: true, schema: {type: string}}]
    get:
      x-access: BILL_INQUIRY
      x-owned: { request: path.requestId }
      parameters: [{name: lang, in: query, schema: {type: string}}]
      responses: {"400": {description: refused}, default: {description: done}}
  /things:
    get:
      x-access: authenticated
      x-owned: { line: query.lineNumber }
      parameters:
        - {name: lineNumber, in: query, schema: {type: string, examples: ["010-1234-5678"]}}
        - {name: size, in: query, required: true, schema: {type: integer, minimum: 1}}
      responses: {"400": {description: refused}, default: {description: done}}
    post:
      x-access: PRODUCT_CHANGE
      x-owned: { line: body.lineNumber }
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [lineNumber, kind, tags, deep, sure, note]
              properties:
                lineNumber: {type: string}
                kind: {enum: [big, small]}
                tags: {type: array, items: {type: string}}
                deep: {type: object, required: [count], properties: {count: {type: number}, left: {type: string}}}
                sure: {type: boolean}
                note: {type: string, minLength: 3}
                month: {type: string}
      parameters: [{name: Prefer, in: header, schema: {type: string}}]
      responses:
        "200": {description: done, headers: {Preference-Applied: {schema: {type: string}}}}
        "400": {description: refused}
        "415":
          description: refused
          headers: {Accept: {schema: {type: string}}, Accept-Encoding: {schema: {type: string}}}
        default: {description: done}
  /users/{userId}:
    delete:
      x-access: ADMIN
      parameters: [{name: userId, in: path, required: true, schema: {type: string}}]
      responses: {"400": {description: refused}, default: {description: done}}
  /partner:
    post:
      x-access: internal
      security: [{ partner: [] }]
      responses: {default: {description: done}}
  /events:
    post:
      x-access: internal
      security: [{ sidecarToken: [] }]
      responses: {default: {description: done}}
  /keys:
    get:
      x-access: unrouted
      security: []
      responses: {default: {description: done}}
components:
  securitySchemes:
    accessToken: {type: http, scheme: bearer}
    partner: {type: http, scheme: bearer}
    sidecarToken: {type: apiKey, in: header, name: dapr-api-token}
`

func TestOperations(t *testing.T) {
	t.Parallel()
	operations, err := access.Operations([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range operations {
		example := o.Example(map[string]string{"requestId": "a/b", "userId": "kim"})
		got = append(got, fmt.Sprintf("%s %s token:%t routed:%t %v %s %s", o.Name(), o.Rule, o.Rule.NeedsToken(), o.Rule.Routed(), o.Owned, example.Path, example.Body))
	}
	want := []string{
		"DELETE /users/{userId} ADMIN token:true routed:true [] /users/kim ",
		"GET /keys unrouted token:false routed:false [] /keys ",
		"GET /things authenticated token:true routed:true [{line query lineNumber}] /things?lineNumber=010-1234-5678&size=1 ",
		"GET /things/{requestId} BILL_INQUIRY token:true routed:true [{request path requestId}] /things/a%2Fb ",
		"POST /events internal token:false routed:false [] /events ",
		"POST /login public token:false routed:true [] /login ",
		"POST /partner internal token:false routed:false [] /partner ",
		`POST /things PRODUCT_CHANGE token:true routed:true [{line body lineNumber}] /things ` +
			`{"deep":{"count":0},"kind":"big","lineNumber":"x","note":"xxx","sure":false,"tags":[]}`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestInvalidRules(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ old, new, fault string }{
		"no rule":                       {"x-access: authenticated", "", "GET /things: has no x-access"},
		"unknown rule":                  {"x-access: BILL_INQUIRY", "x-access: BILL_INQURY", `unknown x-access "BILL_INQURY"`},
		"public with a token":           {"x-access: public\n      security: []", "x-access: public", "is public, but its security says [accessToken]"},
		"a permission without a token":  {"x-access: public\n", "x-access: BILL_INQUIRY\n", "but its security says []"},
		"internal without a credential": {"security: [{ partner: [] }]", "security: []", "its security asks for nothing"},
		"unrouted with a credential":    {"x-access: unrouted\n      security: []", "x-access: unrouted\n      security: [{ partner: [] }]", "its security asks for [partner]"},
		"missing owned line":            {"x-owned: { line: query.lineNumber }", "", "takes query.lineNumber: x-owned must say { line: query.lineNumber }"},
		"a line in a body":              {"x-owned: { line: body.lineNumber }", "", "takes body.lineNumber"},
		"a request in a path":           {"x-owned: { request: path.requestId }", "", "takes path.requestId"},
		"owned, but not there":          {"x-owned: { line: body.lineNumber }", "x-owned: { line: query.lineNumber }", "has no query.lineNumber that names a line"},
		"another kind":                  {"x-owned: { request: path.requestId }", "x-owned: { line: path.requestId }", "has no path.requestId that names a line"},
		"x-owned of another shape":      {"x-owned: { request: path.requestId }", "x-owned: [requestId]", "x-owned is not"},
		"not OpenAPI":                   {document, "{", "access: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := access.Operations([]byte(strings.Replace(document, tc.old, tc.new, 1)))
			if err == nil || !strings.Contains(err.Error(), tc.fault) {
				t.Errorf("got %v, want %q", err, tc.fault)
			}
		})
	}
}

// recorder is a testing.TB that records faults.
type recorder struct {
	testing.TB

	faults []string
}

func (*recorder) Helper() {}

func (r *recorder) Error(args ...any) { r.faults = append(r.faults, fmt.Sprint(args...)) }

func (r *recorder) Errorf(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// service returns a router for the document that enforces its rules.
func service() *mux.Router {
	answer := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	r := mux.NewRouter()
	r.Handle("/login", answer(http.StatusBadRequest)).Methods(http.MethodPost)
	r.Handle("/keys", answer(http.StatusOK)).Methods(http.MethodGet)
	r.Handle("/events", answer(http.StatusUnauthorized)).Methods(http.MethodPost)
	r.Handle("/partner", answer(http.StatusForbidden)).Methods(http.MethodPost)
	things := r.PathPrefix("/things").Subrouter()
	things.Handle("", answer(http.StatusUnauthorized)).Methods(http.MethodGet, http.MethodPost)
	things.Handle("/{requestId}", answer(http.StatusUnauthorized)).Methods(http.MethodGet)
	r.Handle("/users/{userId}", answer(http.StatusUnauthorized)).Methods(http.MethodDelete)
	return r
}

func TestParity(t *testing.T) {
	t.Parallel()
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	describing := func(path, rule string) string {
		operation := "  " + path + ":\n    get:\n      x-access: " + rule + "\n      responses: {default: {description: done}}\n"
		return strings.Replace(document, "components:\n", operation+"components:\n", 1)
	}
	for name, tc := range map[string]struct {
		document string
		add      func(r *mux.Router)
		fault    string // "" for none
	}{
		"valid":                    {document: document},
		"undocumented route":       {document, func(r *mux.Router) { r.Handle("/new", ok).Methods(http.MethodGet) }, "GET /new is a route, but not in the document"},
		"a new method":             {document, func(r *mux.Router) { r.Handle("/keys", ok).Methods(http.MethodPut) }, "PUT /keys is a route"},
		"a route for every method": {document, func(r *mux.Router) { r.Handle("/new", ok) }, "/new takes any method"},
		"a route for every path":   {document, func(r *mux.Router) { r.Methods(http.MethodGet).Handler(ok) }, "a route has no path"},
		"described, and not there": {describing("/gone", "authenticated"), nil, "GET /gone is in the document, but no route"},
		"described without a rule": {strings.Replace(document, "x-access: ADMIN", "", 1), nil, "DELETE /users/{userId}: has no x-access"},
		"no 415":                   {strings.Replace(document, "\"415\":", "\"414\":", 1), nil, "POST /things takes a body, but has no answers 400 and 415"},
		"415 without Accept": {strings.Replace(document, "Accept-Encoding:", "Accept-Charset:", 1), nil,
			"POST /things has a 415 without the headers Accept and Accept-Encoding"},
		"parameters without 400": {strings.Replace(document, `{"400": {description: refused}, default:`, "{default:", 1), nil,
			"GET /things/{requestId} takes parameters, but has no answer 400"},
		"a preference that is not applied": {strings.Replace(document, "Preference-Applied", "Applied", 1), nil,
			"POST /things takes Prefer, but its 200 has no Preference-Applied"},
		"a route that is open": {describing("/open", "authenticated"), func(r *mux.Router) { r.Handle("/open", ok).Methods(http.MethodGet) },
			"GET /open: is authenticated, but answers 200 without credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			router, recorded := service(), &recorder{TB: t}
			if tc.add != nil {
				tc.add(router)
			}
			access.Parity(recorded, []byte(tc.document), router)
			all := strings.Join(recorded.faults, "\n")
			if (all != "") != (tc.fault != "") || !strings.Contains(all, tc.fault) {
				t.Errorf("got %q, want %q", all, tc.fault)
			}
		})
	}
}
