// Package abuse makes the calls that a service must refuse out of the access
// rules in its OpenAPI document: every operation with everything that does not
// entitle to it. A new operation is attacked without anybody thinking of it.
package abuse

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/phonebill/phonebill/dev/openapitest/access"
)

// Badge is what a caller shows to prove who it is.
type Badge struct {
	What          string // in words
	Authorization string // the header, as it is
	Header        map[string]string
	Query         string // name=value
}

// Bearer returns the badge of an access token.
func Bearer(what, token string) Badge { return Badge{What: what, Authorization: "Bearer " + token} }

// Person is somebody with an access token and things that are hers alone.
type Person struct {
	Token string
	// Owns are lines, users, sessions and requests, by the kind, or by the kind
	// and the service, as in "request of bill-inquiry-service".
	Owns map[string]string
}

func (p Person) owned(service string, kind access.Kind) string {
	if id, ok := p.Owns[string(kind)+" of "+service]; ok {
		return id
	}
	return p.Owns[string(kind)]
}

// Values returns what the person owns by the names that parameters and properties
// of a service have for it.
func (p Person) Values(service string) map[string]string {
	values := map[string]string{}
	for name, kind := range access.Owners() {
		values[name] = p.owned(service, kind)
	}
	return values
}

// World is who attacks and who is attacked.
type World struct {
	// Invalid are badges of nobody: a token that expired, that was forged, …
	Invalid []Badge
	// Entitled returns somebody with every permission of customers, and all
	// that the operation may name.
	Entitled func(o access.Operation) Person
	// Stranger owns what the entitled must not see, and Nobody what there is
	// not at all.
	Stranger, Nobody Person
	// Lacking are badges of people who have a session, but not the permission.
	Lacking map[access.Rule][]Badge
	// Admin is an administrator; her things are those of a user whom
	// operations may be tried on.
	Admin func(o access.Operation) Person
	// Values are for what examples need besides, by name.
	Values map[string]string
}

// Service is what is attacked.
type Service struct {
	Name       string
	Operations []access.Operation
}

// Case is a call, and what may come of it.
type Case struct {
	Operation access.Operation
	Attack    string // in words
	Call      Call
	Want      Verdict
	// Twin, if any, must get the very same answer: else the answer tells that
	// the stranger's thing exists.
	Twin *Call
}

// Call is a request to make.
type Call struct {
	Service string
	Direct  bool // to the service itself, past the ingress
	// Disguised calls are none that the document has.
	Disguised bool

	access.Example

	Badge Badge
}

// Cases returns the calls that w allows against a service, and for each
// operation one that must not be refused: without it, an operation that refuses
// everybody would look safe.
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

// generator makes the cases of one operation.
type generator struct {
	service   string
	operation access.Operation
	world     World
}

// example returns a request of the operation that names the things of somebody.
func (g generator) example(whose Person) access.Example {
	values := whose.Values(g.service)
	for name, value := range g.world.Values {
		if _, owned := values[name]; !owned {
			values[name] = value
		}
	}
	return g.operation.Example(values)
}

func (g generator) newCase(attack string, badge Badge, example access.Example, want Verdict) Case {
	return Case{
		Operation: g.operation, Attack: attack, Want: want,
		Call: Call{Service: g.service, Example: example, Badge: badge},
	}
}

// public operations look at what anybody asks them. An empty form is enough to
// see that: a filled one would open accounts.
func (g generator) public() []Case {
	example := g.operation.Example(g.world.Values)
	if example.Body != nil {
		example.Body = []byte("{}")
	}
	return []Case{g.newCase("nothing shown", Badge{}, example, reached)}
}

// hidden operations are not there for clients of the ingress, whoever they are,
// and internal ones ask also those inside for what they can show.
func (g generator) hidden() []Case {
	var cases []Case
	customer, admin := g.world.Entitled(g.operation), g.world.Admin(g.operation)
	badges := []Badge{
		{What: "nothing"}, Bearer("a customer's token", customer.Token), Bearer("an administrator's token", admin.Token),
		{What: "a made up token of a sidecar", Header: map[string]string{"dapr-api-token": "made-up"}},
		{What: "the name of a service", Header: map[string]string{"dapr-app-id": "auth-service", "dapr-caller-app-id": "auth-service"}},
	}
	for _, badge := range badges {
		example := g.example(customer)
		cases = append(cases, g.newCase("through the ingress with "+badge.What, badge, example, notThere))
		if g.operation.Rule == access.Internal {
			direct := g.newCase("directly with "+badge.What, badge, example, refusedInside)
			direct.Call.Direct = true
			cases = append(cases, direct)
		}
	}
	return cases
}

// tokens are the cases in which the caller shows nothing that entitles.
func (g generator) tokens() []Case {
	entitled := g.world.Entitled(g.operation)
	if g.operation.Rule == access.Admin {
		entitled = g.world.Admin(g.operation)
	}
	cases := []Case{g.newCase("entitled", Bearer("", entitled.Token), g.example(entitled), reached)}
	invalid := append([]Badge{
		{What: "nothing shown"},
		{What: "token in a cookie", Header: map[string]string{"Cookie": "access_token=" + entitled.Token}},
		{What: "token of another scheme", Authorization: "Basic " + entitled.Token},
		{What: "token without a scheme", Authorization: entitled.Token},
	}, g.world.Invalid...)
	for _, badge := range invalid {
		cases = append(cases, g.newCase(badge.What, badge, g.example(entitled), unauthenticated))
	}
	inQuery := Badge{What: "token in the query", Query: "access_token=" + entitled.Token}
	cases = append(cases, g.newCase(inQuery.What, inQuery, g.example(entitled), unknown))
	cases = append(cases, g.disguises(g.example(entitled))...)
	for _, badge := range g.world.Lacking[g.operation.Rule] {
		cases = append(cases, g.newCase(badge.What, badge, g.example(entitled), forbidden))
	}
	return cases
}

// disguises ask for the operation by other names, and show nothing.
func (g generator) disguises(example access.Example) []Case {
	var cases []Case
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if method != example.Method {
			other := example
			other.Method = method
			override := Badge{Header: map[string]string{"X-HTTP-Method-Override": example.Method}}
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
		cases = append(cases, g.disguise(disguise, Badge{}, other))
	}
	return cases
}

func (g generator) disguise(as string, badge Badge, example access.Example) Case {
	c := g.newCase("as "+as, badge, example, refused)
	c.Call.Disguised = true
	return c
}

// strangers are the cases in which somebody entitled names what is another's.
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
		stranger := g.newCase("a stranger's "+string(owned.Kind), Bearer("", who.Token), instead(g.world.Stranger), want)
		twin := stranger.Call
		twin.Example = instead(g.world.Nobody)
		stranger.Twin = &twin
		cases = append(cases, stranger)
	}
	return cases
}

// untold are the kinds that are answered as if they were not there.
var untold = []access.Kind{"request", "session"}
