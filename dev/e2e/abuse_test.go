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

// TestAbuse calls every operation of every service with everything that does
// not entitle to it. Which operations there are, and who may call them, only
// the OpenAPI documents say.
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

// traceIDs differ from answer to answer.
var traceIDs = regexp.MustCompile(`"traceId":"[0-9a-f]{32}"`)

// caller makes the calls of an attack.
func caller(t *testing.T, app system.Role) abuse.Do {
	t.Helper()
	ingress := nobody(t)
	direct := api.New(direct(app, ""), checked(t))
	unchecked := api.New(whole.url(), connections)
	return func(call abuse.Call) (abuse.Answer, error) {
		request := api.Request{Method: call.Method, Path: call.Path, Header: maps.Clone(call.Badge.Header)}
		if request.Header == nil {
			request.Header = map[string]string{}
		}
		if call.Body != nil {
			request.Body = call.Body
		}
		if call.Badge.Authorization != "" {
			request.Header["Authorization"] = call.Badge.Authorization
		}
		if call.Badge.Query != "" {
			request.Path += map[bool]string{true: "&", false: "?"}[strings.Contains(call.Path, "?")] + call.Badge.Query
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

// abuseWorld is who attacks whom.
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
		Invalid:  append(invalidBadges(t), abuse.Bearer("of somebody suspended", suspended(t, w).Tokens.Access)),
		Entitled: func(o access.Operation) abuse.Person { return w.entitled(t, o) },
		Admin:    func(o access.Operation) abuse.Person { return w.administrator(t, o) },
		Stranger: person(t, resident(t), true),
		Nobody: abuse.Person{Owns: map[string]string{
			"line": "01076543210", "user": "nobody-has-this-id", "session": rand.Text(), "request": "019a0000-0000-7000-8000-000000000000",
		}},
		Lacking: lackingBadges(t, w),
		Values: map[string]string{
			"currentProductCode": "5G-PREMIUM-001", "targetProductCode": "LTE-BASIC-001",
			"currentPassword": password, "newPassword": password, "refresh_token": "none",
		},
	}
	return w
}

// lackingBadges are of people who may do other things.
func lackingBadges(t *testing.T, w *abuseWorld) map[access.Rule][]abuse.Badge {
	t.Helper()
	revoked := passerby(t)
	for _, permission := range access.Permissions {
		w.administer(t, http.MethodDelete, "/api/v1/users/"+revoked.UserID+"/permissions/"+string(permission))
	}
	admin, customer := abuse.Bearer("as an administrator", w.admin.Token), abuse.Bearer("as a customer", w.reader.Token)
	once := abuse.Bearer("permission revoked", revoked.Tokens.Access)
	return map[access.Rule][]abuse.Badge{
		"BILL_INQUIRY":   {admin, once}, // an administrator is no customer
		"PRODUCT_CHANGE": {admin, once, abuse.Bearer("permission never had", demo(t, "testuser02").Tokens.Access)},
		access.Admin:     {customer, once},
	}
}

// suspended returns somebody who had logged in before.
func suspended(t *testing.T, w *abuseWorld) customer {
	t.Helper()
	c := passerby(t)
	w.administer(t, http.MethodPost, "/api/v1/users/"+c.UserID+"/suspend")
	return c
}

func (w *abuseWorld) administer(t *testing.T, method, path string) {
	t.Helper()
	nobody(t).With(w.admin.Token).Send(api.Request{Method: method, Path: path}).OK(t)
}

// passerby returns a newcomer at an address of her own, logged in.
func passerby(t *testing.T) customer {
	t.Helper()
	c := customer{elsewhere(t), newcomerForm()}
	c.Register(c.Registration).OK(t)
	c.Login(c.UserID, c.Password).OK(t)
	return c
}

// entitled returns somebody who may call the operation. What reads is asked by
// one customer; what writes may end a session or change a plan, which is then
// nobody else's.
func (w *abuseWorld) entitled(t *testing.T, o access.Operation) abuse.Person {
	t.Helper()
	if !o.Writes() || !o.Rule.Routed() {
		return w.reader
	}
	w.mu.Lock() // one registration after the other: they are many
	defer w.mu.Unlock()
	c := passerby(t)
	c.MakeMockData(c.CustomerID, c.Line).OK(t)
	return person(t, c, false)
}

// administrator returns an administrator, with a user to try things on.
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

// person tells what a customer owns; with requests, also an inquiry and a
// change.
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

// invalidBadges are tokens that are nobody's, each for one reason.
func invalidBadges(t *testing.T) []abuse.Badge {
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
	// Nobody has shown this token to any service when its session ends.
	left.Logout().OK(t)
	return []abuse.Badge{
		abuse.Bearer("garbage", "token"),
		abuse.Bearer("an empty token", ""),
		abuse.Bearer("expired", f.token(t, nil, members{"exp": ago, "iat": ago - 1800}, genuine)),
		abuse.Bearer("without an end", f.token(t, nil, members{"exp": nil}, genuine)),
		abuse.Bearer("signed by a stranger", f.token(t, nil, nil, es256(stranger))),
		abuse.Bearer("with a key it brings", f.token(t, members{"jwk": jwk(t, stranger), "kid": "stranger"}, nil, es256(stranger))),
		abuse.Bearer("changed after signing", changed(t, c.Tokens.Access)),
		abuse.Bearer("alg none", f.token(t, members{"alg": "none"}, nil, unsigned)),
		abuse.Bearer("HS256 with the public key", f.token(t, members{"alg": "HS256"}, nil, hs256(point))),
		abuse.Bearer("HS256 with the published coordinate", f.token(t, members{"alg": "HS256"}, nil, hs256([]byte(f.public[0])))),
		abuse.Bearer("of another issuer", f.token(t, nil, members{"iss": "somebody"}, genuine)),
		abuse.Bearer("for another audience", f.token(t, nil, members{"aud": "others"}, genuine)),
		abuse.Bearer("a refresh token", c.Tokens.Refresh),
		abuse.Bearer("of no session", f.token(t, nil, members{"sid": ""}, genuine)),
		abuse.Bearer("of a session of nobody", f.token(t, nil, members{"sid": rand.Text()}, genuine)),
		abuse.Bearer("of another's session", f.token(t, nil, members{"sub": "testuser01"}, genuine)),
		abuse.Bearer("of a session that ended", left.Tokens.Access),
	}
}

// changed makes an administrator of a token's owner, under the old signature.
func changed(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	claims := encodePart(t, decodePart(t, parts[1]), map[string]any{"permissions": []string{"ADMIN", "BILL_INQUIRY", "PRODUCT_CHANGE"}})
	return parts[0] + "." + claims + "." + parts[2]
}
