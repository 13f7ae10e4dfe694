package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/e2e/internal/abuse"
	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/openapitest/access"
	"github.com/phonebill/phonebill/dev/system"
)

// TestAbuse calls every operation of every service with all credentials that do not entitle to it.
// Operations and rules come from the OpenAPI documents.
func TestAbuse(t *testing.T) {
	t.Parallel()
	world := newAbuseWorld(t)
	for _, app := range apps {
		operations, err := access.Operations(whole.docs[app])
		if err != nil {
			t.Fatal(err)
		}
		for _, operation := range operations {
			t.Run(string(app)+" "+operation.Name(), func(t *testing.T) {
				t.Parallel()
				do := caller(t, app)
				cases := abuse.Cases(abuse.Service{Name: string(app), Operations: []access.Operation{operation}}, world.World)
				for _, c := range cases {
					if fault := c.Check(do); fault != "" {
						t.Error(fault)
					}
				}
				t.Logf("%d attacks", len(cases))
			})
		}
	}
}

// traceIDs differ between answers.
var traceIDs = regexp.MustCompile(`"traceId":"[0-9a-f]{32}"`)

// caller makes the calls of the cases.
func caller(t *testing.T, app system.Role) abuse.Do {
	t.Helper()
	ingress := anonymous(t)
	direct := api.New(direct(app, ""), checked(t))
	unchecked := api.New(whole.url(), connections)
	return func(call abuse.Call) (abuse.Answer, error) {
		request := api.Request{Method: call.Method, Path: call.Path, Header: maps.Clone(call.Credential.Header)}
		if request.Header == nil {
			request.Header = map[string]string{}
		}
		if call.Body != nil {
			request.Body = call.Body
		}
		if call.Credential.Authorization != "" {
			request.Header["Authorization"] = call.Credential.Authorization
		}
		if call.Credential.Query != "" {
			request.Path += map[bool]string{true: "&", false: "?"}[strings.Contains(call.Path, "?")] + call.Credential.Query
		}
		client := ingress
		switch {
		case call.Direct:
			client = direct
		case call.Disguised:
			client = unchecked
		}
		answer := client.Send(request)
		return abuse.Answer{Status: answer.Status, Body: traceIDs.ReplaceAllString(string(answer.Body), "")}, answer.Err
	}
}

// abuseWorld contains the users of the cases.
type abuseWorld struct {
	abuse.World

	mu     sync.Mutex
	reader abuse.Person
	admin  abuse.Person
}

func newAbuseWorld(t *testing.T) *abuseWorld {
	t.Helper()
	reader, admin := resident(t), demo(t, "admin01")
	w := &abuseWorld{reader: person(t, reader, true), admin: abuse.Person{Token: admin.Tokens.Access}}
	w.World = abuse.World{
		Invalid:  append(invalidCredentials(t), abuse.Bearer("of a suspended user", suspended(t, w).Tokens.Access)),
		Entitled: func(o access.Operation) abuse.Person { return w.entitled(t, o) },
		Admin:    func(o access.Operation) abuse.Person { return w.administrator(t, o) },
		Stranger: person(t, resident(t), true),
		Absent: abuse.Person{Owns: map[string]string{
			"line": "01076543210", "user": "unknown-user-id", "session": rand.Text(), "request": "019a0000-0000-7000-8000-000000000000",
		}},
		Lacking: lackingCredentials(t, w),
		Values: map[string]string{
			"currentProductCode": "5G-PREMIUM-001", "targetProductCode": "LTE-BASIC-001",
			"currentPassword": password, "newPassword": password, "refresh_token": "none",
		},
	}
	return w
}

// lackingCredentials are credentials of users with other permissions.
func lackingCredentials(t *testing.T, w *abuseWorld) map[access.Rule][]abuse.Credential {
	t.Helper()
	revoked := passerby(t)
	for _, permission := range access.Permissions {
		w.administer(t, http.MethodDelete, "/api/v1/users/"+revoked.UserID+"/permissions/"+string(permission))
	}
	admin, customer := abuse.Bearer("as an administrator", w.admin.Token), abuse.Bearer("as a customer", w.reader.Token)
	once := abuse.Bearer("permission revoked", revoked.Tokens.Access)
	return map[access.Rule][]abuse.Credential{
		"BILL_INQUIRY":   {admin, once}, // an administrator is not a customer
		"PRODUCT_CHANGE": {admin, once, abuse.Bearer("permission never had", demo(t, "testuser02").Tokens.Access)},
		access.Admin:     {customer, once},
	}
}

// suspended returns a suspended user who had logged in before.
func suspended(t *testing.T, w *abuseWorld) customer {
	t.Helper()
	c := passerby(t)
	w.administer(t, http.MethodPost, "/api/v1/users/"+c.UserID+"/suspend")
	return c
}

func (w *abuseWorld) administer(t *testing.T, method, path string) {
	t.Helper()
	anonymous(t).With(w.admin.Token).Send(api.Request{Method: method, Path: path}).OK(t)
}

// passerby returns a new user with an address of their own, logged in.
func passerby(t *testing.T) customer {
	t.Helper()
	c := customer{elsewhere(t), newcomerForm()}
	c.Register(c.Registration).OK(t)
	c.Login(c.UserID, c.Password).OK(t)
	return c
}

// entitled returns a user who may call the operation. Reads share one customer; a write gets a new
// one, because it may end the session or change the plan.
func (w *abuseWorld) entitled(t *testing.T, o access.Operation) abuse.Person {
	t.Helper()
	if !o.Writes() || !o.Rule.Routed() {
		return w.reader
	}
	w.mu.Lock() // registrations one by one, because there are many
	defer w.mu.Unlock()
	c := passerby(t)
	c.MakeMockData(c.CustomerID, c.Line).OK(t)
	return person(t, c, false)
}

// administrator returns an administrator, with a user to act on.
func (w *abuseWorld) administrator(t *testing.T, o access.Operation) abuse.Person {
	t.Helper()
	victim := abuse.Person{}
	if o.Rule == access.Admin {
		w.mu.Lock()
		defer w.mu.Unlock()
		victim = person(t, passerby(t), false)
	}
	return abuse.Person{Token: w.admin.Token, Owns: victim.Owns}
}

// person returns a customer with their ids; with requests, it also creates an inquiry and a change.
func person(t *testing.T, c customer, requests bool) abuse.Person {
	t.Helper()
	claims := decodePart(t, strings.Split(c.Tokens.Access, ".")[1])
	session, ok := claims["sid"].(string)
	if !ok {
		t.Fatalf("an access token without sid: %v", claims)
	}
	owns := map[string]string{"line": c.Line, "user": c.UserID, "session": session}
	if requests {
		owns["request of "+string(bills)] = c.see(t, "").RequestID
		current := c.Subscription(c.Line).OK(t).Current.Code
		offered := c.Offers(current).OK(t).Products
		form := api.ChangeForm{Line: c.Line, Current: current, Target: offered[0].Code}
		owns["request of "+string(plans)] = c.Change(form, api.How{Async: true}).OK(t).RequestID
	}
	return abuse.Person{Token: c.Tokens.Access, Owns: owns}
}

// invalidCredentials are invalid tokens, each for one reason.
func invalidCredentials(t *testing.T) []abuse.Credential {
	t.Helper()
	c, left := resident(t), resident(t)
	f := newForge(t, c.Tokens.Access)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := f.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	type members = map[string]any
	genuine, ago := es256(f.key), time.Now().Add(-time.Minute).Unix()
	// No service has seen this token before its session ends.
	left.Logout().OK(t)
	return []abuse.Credential{
		abuse.Bearer("garbage", "token"),
		abuse.Bearer("an empty token", ""),
		abuse.Bearer("expired", f.token(t, nil, members{"exp": ago, "iat": ago - 1800}, genuine)),
		abuse.Bearer("without an end", f.token(t, nil, members{"exp": nil}, genuine)),
		abuse.Bearer("signed with another key", f.token(t, nil, nil, es256(stranger))),
		abuse.Bearer("with an embedded key", f.token(t, members{"jwk": jwk(t, stranger), "kid": "stranger"}, nil, es256(stranger))),
		abuse.Bearer("changed after signing", changed(t, c.Tokens.Access)),
		abuse.Bearer("alg none", f.token(t, members{"alg": "none"}, nil, unsigned)),
		abuse.Bearer("HS256 with the public key", f.token(t, members{"alg": "HS256"}, nil, hs256(point))),
		abuse.Bearer("HS256 with the published coordinate", f.token(t, members{"alg": "HS256"}, nil, hs256([]byte(f.public[0])))),
		abuse.Bearer("of another issuer", f.token(t, nil, members{"iss": "another"}, genuine)),
		abuse.Bearer("for another audience", f.token(t, nil, members{"aud": "others"}, genuine)),
		abuse.Bearer("a refresh token", c.Tokens.Refresh),
		abuse.Bearer("of no session", f.token(t, nil, members{"sid": ""}, genuine)),
		abuse.Bearer("of an unknown session", f.token(t, nil, members{"sid": rand.Text()}, genuine)),
		abuse.Bearer("of another's session", f.token(t, nil, members{"sub": "testuser01"}, genuine)),
		abuse.Bearer("of a session that ended", left.Tokens.Access),
	}
}

// changed adds ADMIN to a token's claims and keeps its signature.
func changed(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	claims := encodePart(t, decodePart(t, parts[1]), map[string]any{"permissions": []string{"ADMIN", "BILL_INQUIRY", "PRODUCT_CHANGE"}})
	return parts[0] + "." + claims + "." + parts[2]
}
