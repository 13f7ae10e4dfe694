package abuse_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/dev/e2e/internal/abuse"
	"github.com/phonebill/phonebill/dev/openapitest/access"
)

const document = `
openapi: 3.1.0
info: {title: things, version: "1"}
security: [{ accessToken: [] }]
paths:
  /api/v1/login:
    post:
      x-access: public
      security: []
      requestBody: {content: {application/json: {schema: {type: object, required: [userId], properties: {userId: {type: string}}}}}}
      responses: {default: {description: done}}
  /api/v1/bills:
    post:
      x-access: BILL_INQUIRY
      x-owned: { line: body.lineNumber }
      requestBody: {content: {application/json: {schema: {type: object, required: [lineNumber], properties: {lineNumber: {type: string}}}}}}
      responses: {default: {description: done}}
  /api/v1/bills/{requestId}:
    get:
      x-access: BILL_INQUIRY
      x-owned: { request: path.requestId }
      parameters: [{name: requestId, in: path, required: true, schema: {type: string}}]
      responses: {default: {description: done}}
  /api/v1/users/{userId}:
    parameters: [{name: userId, in: path, required: true, schema: {type: string}}]
    get:
      x-access: authenticated
      x-owned: { user: path.userId }
      responses: {default: {description: done}}
    delete:
      x-access: ADMIN
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
    sidecarToken: {type: apiKey, in: header, name: dapr-api-token}
`

var (
	kim = abuse.Person{Token: "kim", Owns: map[string]string{"line": "010-kim", "user": "kim", "request of things": "request-kim", "request": "of another service"}}
	lee = abuse.Person{Token: "lee", Owns: map[string]string{"line": "010-lee", "user": "lee", "request": "request-lee"}}
)

// cases returns the cases of the document in a small world.
func cases(t *testing.T) []abuse.Case {
	t.Helper()
	operations, err := access.Operations([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	admin := abuse.Person{Token: "admin", Owns: lee.Owns}
	return abuse.Cases(abuse.Service{Name: "things", Operations: operations}, abuse.World{
		Invalid:  []abuse.Credential{abuse.Bearer("expired", "old"), abuse.Bearer("forged", "forged")},
		Entitled: func(access.Operation) abuse.Person { return kim },
		Admin:    func(access.Operation) abuse.Person { return admin },
		Stranger: lee, Absent: abuse.Person{Owns: map[string]string{"line": "010-absent", "user": "absent", "request": "request-absent"}},
		Lacking: map[access.Rule][]abuse.Credential{
			"BILL_INQUIRY": {abuse.Bearer("permission missing", "poor")}, access.Admin: {abuse.Bearer("permission missing", "kim")},
		},
	})
}

// service conforms to the document, except for its vulnerability.
type service struct{ hole string }

func (s service) do(call abuse.Call) (abuse.Answer, error) {
	path, query, _ := strings.Cut(call.Path, "?")
	who, rest := s.who(call.Credential, query), strings.TrimPrefix(path, "/api/v1/")
	switch name := call.Method + " " + strings.SplitN(strings.TrimPrefix(rest, "/"), "/", 2)[0]; {
	case s.hole == "down":
		return abuse.Answer{}, errors.New("refused")
	case s.hole == "any case" && path == strings.ToUpper(path), s.hole == "any method" && call.Credential.Header["X-HTTP-Method-Override"] != "":
		return answer(http.StatusOK)
	case name == "POST events", name == "GET keys":
		return s.inside(call)
	case rest == path:
		return answer(http.StatusNotFound)
	case name == "POST login" && s.hole != "login refuses":
		return answer(http.StatusBadRequest)
	case call.Credential.Query != "" && who == "":
		return answer(http.StatusBadRequest)
	case who == "":
		return answer(http.StatusUnauthorized)
	case name == "DELETE users" && (who == "admin" || s.hole == "everyone administers"):
		return answer(http.StatusOK)
	case name == "GET users":
		return s.owned(who, strings.TrimPrefix(rest, "users/"), http.StatusForbidden)
	case who == "poor" && s.hole == "permissions":
		return answer(http.StatusOK)
	case who == "poor":
		return answer(http.StatusForbidden)
	case name == "POST bills":
		return s.owned(who, string(call.Body), http.StatusForbidden)
	case name == "GET bills":
		return s.owned(who, rest, http.StatusNotFound)
	}
	return answer(http.StatusForbidden)
}

// who returns the user of a credential.
func (s service) who(credential abuse.Credential, query string) string {
	scheme, token, _ := strings.Cut(credential.Authorization, " ")
	if s.hole == "any scheme" && scheme == "Basic" {
		return token
	}
	if s.hole == "query" && strings.HasPrefix(query+credential.Query, "access_token=") || s.hole == "cookie" && credential.Header["Cookie"] != "" {
		return "kim"
	}
	if token == "old" && s.hole != "expired" || token == "forged" && s.hole != "forged" || scheme != "Bearer" {
		return ""
	}
	return token
}

// inside serves the internal operations.
func (s service) inside(call abuse.Call) (abuse.Answer, error) {
	switch {
	case !call.Direct && s.hole != "routed":
		return answer(http.StatusNotFound)
	case call.Direct && call.Credential.Header["dapr-api-token"] == "" && s.hole != "open inside":
		return answer(http.StatusUnauthorized)
	case call.Direct && s.hole != "any token inside" && s.hole != "open inside":
		return answer(http.StatusForbidden)
	}
	return answer(http.StatusOK)
}

// owned serves objects named after their owners.
func (s service) owned(who, thing string, otherwise int) (abuse.Answer, error) {
	switch {
	case strings.Contains(thing, who) && s.hole != "everyone is refused", s.hole == "strangers":
		return answer(http.StatusOK)
	case s.hole == "tells" && !strings.Contains(thing, "absent"):
		return abuse.Answer{Status: otherwise, Body: "not yours"}, nil
	}
	return answer(otherwise)
}

func answer(status int) (abuse.Answer, error) { return abuse.Answer{Status: status}, nil }

// TestVulnerabilitiesAreFound checks that the cases detect vulnerabilities.
func TestVulnerabilitiesAreFound(t *testing.T) {
	t.Parallel()
	all := cases(t)
	for hole, want := range map[string][]string{
		"":                     nil,
		"expired":              {"POST /api/v1/bills: expired", "GET /api/v1/users/{userId}: expired", "DELETE /api/v1/users/{userId}: expired"},
		"forged":               {"GET /api/v1/bills/{requestId}: forged"},
		"any scheme":           {"GET /api/v1/users/{userId}: token of another scheme"},
		"query":                {"POST /api/v1/bills: token in the query"},
		"cookie":               {"POST /api/v1/bills: token in a cookie"},
		"permissions":          {"POST /api/v1/bills: permission missing"},
		"everyone administers": {"DELETE /api/v1/users/{userId}: permission missing"},
		"strangers":            {"POST /api/v1/bills: another user's line", "GET /api/v1/bills/{requestId}: another user's request", "GET /api/v1/users/{userId}: another user's user"},
		"tells":                {"POST /api/v1/bills: another user's line: reveals", "GET /api/v1/bills/{requestId}: another user's request: reveals"},
		"routed":               {"GET /keys: through the ingress with nothing", "POST /events: through the ingress with a customer's token"},
		"open inside":          {"POST /events: directly with nothing", "POST /events: directly with an administrator's token"},
		"any token inside":     {"POST /events: directly with a made up token of a sidecar"},
		"any case":             {"POST /api/v1/bills: as /API/V1/BILLS"},
		"any method":           {"POST /api/v1/bills: as GET"},
		"everyone is refused":  {"POST /api/v1/bills: entitled: answered 403, want no refusal"},
		"login refuses":        {"POST /api/v1/login: no credentials: answered 401"},
		"down":                 {"POST /api/v1/login: no credentials: no answer"},
	} {
		t.Run(hole, func(t *testing.T) {
			t.Parallel()
			var found []string
			for _, c := range all {
				if fault := c.Check(service{hole}.do); fault != "" {
					found = append(found, fault)
				}
			}
			for _, fault := range want {
				if !slices.ContainsFunc(found, func(s string) bool { return strings.HasPrefix(s, "things: "+fault) }) {
					t.Errorf("no case found %q, but\n%s", fault, strings.Join(found, "\n"))
				}
			}
			if len(want) == 0 && len(found) > 0 {
				t.Errorf("without a hole:\n%s", strings.Join(found, "\n"))
			}
		})
	}
}

// TestEveryOperationIsAttacked checks that the generator covers all operations.
func TestEveryOperationIsAttacked(t *testing.T) {
	t.Parallel()
	attacks := map[string][]string{}
	for _, c := range cases(t) {
		attacks[c.Operation.Name()] = append(attacks[c.Operation.Name()], c.Attack)
	}
	token := []string{"entitled", "no credentials", "expired", "forged", "token in the query", "token in a cookie", "token of another scheme", "as PUT"}
	for operation, want := range map[string][]string{
		"POST /api/v1/login":            {"no credentials"},
		"POST /api/v1/bills":            append([]string{"permission missing", "another user's line"}, token...),
		"GET /api/v1/bills/{requestId}": append([]string{"permission missing", "another user's request"}, token...),
		"GET /api/v1/users/{userId}":    append([]string{"another user's user"}, token...),
		"DELETE /api/v1/users/{userId}": append([]string{"permission missing"}, token...),
		"POST /events":                  {"through the ingress with nothing", "directly with nothing"},
		"GET /keys":                     {"through the ingress with an administrator's token"},
	} {
		t.Run(operation, func(t *testing.T) {
			for _, attack := range want {
				if !slices.Contains(attacks[operation], attack) {
					t.Errorf("%s is not attacked with %s, but with %q", operation, attack, attacks[operation])
				}
			}
			delete(attacks, operation)
		})
	}
	if len(attacks) > 0 {
		t.Errorf("unexpected attacks on %v", attacks)
	}
}
