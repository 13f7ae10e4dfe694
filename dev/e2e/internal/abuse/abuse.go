// Package abuse derives unauthorized calls from the access rules of an OpenAPI document: every
// operation with all credentials that do not entitle to it. New operations are covered
// automatically.
package abuse

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/phonebill/phonebill/dev/openapitest/access"
)

// Credential is what a caller authenticates with.
type Credential struct {
	What          string // description
	Authorization string // the header, unchanged
	Header        map[string]string
	Query         string // name=value
}

// Bearer returns an access token as a credential.
func Bearer(what, token string) Credential {
	return Credential{What: what, Authorization: "Bearer " + token}
}

// Person is a user with an access token and objects of their own.
type Person struct {
	Token string
	// Owns are the ids of lines, users, sessions and requests, by kind, or by kind and service as
	// in "request of bill-inquiry-service".
	Owns map[string]string
}

func (p Person) owned(service string, kind access.Kind) string {
	if id, ok := p.Owns[string(kind)+" of "+service]; ok {
		return id
	}
	return p.Owns[string(kind)]
}

// Values returns the person's ids by the names of a service's parameters and properties.
func (p Person) Values(service string) map[string]string {
	values := map[string]string{}
	for name, kind := range access.Owners() {
		values[name] = p.owned(service, kind)
	}
	return values
}

// World are the users involved in the cases.
type World struct {
	// Invalid are invalid credentials, such as expired and forged tokens.
	Invalid []Credential
	// Entitled returns a user with all permissions of customers and all objects that the operation
	// may name.
	Entitled func(o access.Operation) Person
	// Stranger owns objects that the entitled user must not see; those of Absent do not exist.
	Stranger, Absent Person
	// Lacking are credentials of users with a session but without the permission.
	Lacking map[access.Rule][]Credential
	// Admin is an administrator who owns a user for operations to act on.
	Admin func(o access.Operation) Person
	// Values are further values for examples, by name.
	Values map[string]string
}

// Service is a service under test.
type Service struct {
	Name       string
	Operations []access.Operation
}

// Case is a call with its expected answer.
type Case struct {
	Operation access.Operation
	Attack    string // description
	Call      Call
	Want      Verdict
	// Twin, if set, must get an identical answer; otherwise the answer reveals that the stranger's
	// object exists.
	Twin *Call
}

// Call is a request to make.
type Call struct {
	Service string
	Direct  bool // to the service itself, bypassing the ingress
	// Disguised calls are not in the document.
	Disguised bool

	access.Example

	Credential Credential
}

// Cases returns the cases for a service, including a permitted call of each operation: without it,
// an operation that refuses everything would pass.
func Cases(s Service, w World) []Case {
	var cases []Case
	for _, operation := range s.Operations {
		g := generator{s.Name, operation, w}
		switch {
		case operation.Rule == access.Public:
			cases = append(cases, g.public()...)
		case !operation.Rule.Routed():
			cases = append(cases, g.hidden()...)
		default:
			cases = append(cases, g.tokens()...)
			cases = append(cases, g.strangers()...)
		}
	}
	return cases
}

// generator generates the cases of one operation.
type generator struct {
	service   string
	operation access.Operation
	world     World
}

// example returns a request of the operation with a person's values.
func (g generator) example(whose Person) access.Example {
	values := whose.Values(g.service)
	for name, value := range g.world.Values {
		if _, owned := values[name]; !owned {
			values[name] = value
		}
	}
	return g.operation.Example(values)
}

func (g generator) newCase(attack string, credential Credential, example access.Example, want Verdict) Case {
	return Case{
		Operation: g.operation, Attack: attack, Want: want,
		Call: Call{Service: g.service, Example: example, Credential: credential},
	}
}

// public returns the case of a public operation. An empty body suffices, and creates no accounts.
func (g generator) public() []Case {
	example := g.operation.Example(g.world.Values)
	if example.Body != nil {
		example.Body = []byte("{}")
	}
	return []Case{g.newCase("no credentials", Credential{}, example, reached)}
}

// hidden returns the cases of operations that the ingress does not route. Internal ones are also
// called directly.
func (g generator) hidden() []Case {
	var cases []Case
	customer, admin := g.world.Entitled(g.operation), g.world.Admin(g.operation)
	credentials := []Credential{
		{What: "nothing"}, Bearer("a customer's token", customer.Token), Bearer("an administrator's token", admin.Token),
		{What: "a made up token of a sidecar", Header: map[string]string{"dapr-api-token": "made-up"}},
		{What: "the name of a service", Header: map[string]string{"dapr-app-id": "auth-service", "dapr-caller-app-id": "auth-service"}},
	}
	for _, credential := range credentials {
		example := g.example(customer)
		cases = append(cases, g.newCase("through the ingress with "+credential.What, credential, example, notThere))
		if g.operation.Rule == access.Internal {
			direct := g.newCase("directly with "+credential.What, credential, example, refusedInside)
			direct.Call.Direct = true
			cases = append(cases, direct)
		}
	}
	return cases
}

// tokens returns the cases with invalid or missing credentials.
func (g generator) tokens() []Case {
	entitled := g.world.Entitled(g.operation)
	if g.operation.Rule == access.Admin {
		entitled = g.world.Admin(g.operation)
	}
	cases := []Case{g.newCase("entitled", Bearer("", entitled.Token), g.example(entitled), reached)}
	invalid := append([]Credential{
		{What: "no credentials"},
		{What: "token in a cookie", Header: map[string]string{"Cookie": "access_token=" + entitled.Token}},
		{What: "token of another scheme", Authorization: "Basic " + entitled.Token},
		{What: "token without a scheme", Authorization: entitled.Token},
	}, g.world.Invalid...)
	for _, credential := range invalid {
		cases = append(cases, g.newCase(credential.What, credential, g.example(entitled), unauthenticated))
	}
	inQuery := Credential{What: "token in the query", Query: "access_token=" + entitled.Token}
	cases = append(cases, g.newCase(inQuery.What, inQuery, g.example(entitled), unknown))
	cases = append(cases, g.disguises(g.example(entitled))...)
	for _, credential := range g.world.Lacking[g.operation.Rule] {
		cases = append(cases, g.newCase(credential.What, credential, g.example(entitled), forbidden))
	}
	return cases
}

// disguises returns calls of the operation under other paths and methods, without credentials.
func (g generator) disguises(example access.Example) []Case {
	var cases []Case
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if method != example.Method {
			other := example
			other.Method = method
			override := Credential{Header: map[string]string{"X-HTTP-Method-Override": example.Method}}
			cases = append(cases, g.disguise(method, override, other))
		}
	}
	path, query, _ := strings.Cut(example.Path, "?")
	head, tail := path[:len(path)-1], path[len(path)-1:]
	for _, disguise := range []string{
		path + "/", "/" + path, path + "/.", path + ";x=1", path + "%20", "/x/.." + path,
		strings.Replace(path, "/api/v1/", "/api//v1/", 1), strings.ToUpper(path), fmt.Sprintf("%s%%%02X", head, tail),
	} {
		other := example
		other.Path = disguise + "?" + query
		cases = append(cases, g.disguise(disguise, Credential{}, other))
	}
	return cases
}

func (g generator) disguise(as string, credential Credential, example access.Example) Case {
	c := g.newCase("as "+as, credential, example, refused)
	c.Call.Disguised = true
	return c
}

// strangers returns the cases in which an entitled user names another user's objects.
func (g generator) strangers() []Case {
	var cases []Case
	for _, owned := range g.operation.Owned {
		who := g.world.Entitled(g.operation)
		instead := func(whose Person) access.Example {
			mine := Person{Owns: maps.Clone(who.Owns)}
			mine.Owns[string(owned.Kind)+" of "+g.service] = whose.owned(g.service, owned.Kind)
			return g.example(mine)
		}
		want := forbidden
		if slices.Contains(untold, owned.Kind) {
			want = notThere
		}
		stranger := g.newCase("another user's "+string(owned.Kind), Bearer("", who.Token), instead(g.world.Stranger), want)
		twin := stranger.Call
		twin.Example = instead(g.world.Absent)
		stranger.Twin = &twin
		cases = append(cases, stranger)
	}
	return cases
}

// untold are the kinds whose existence must not be revealed.
var untold = []access.Kind{"request", "session"}
