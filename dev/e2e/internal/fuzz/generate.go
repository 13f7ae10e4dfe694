package fuzz

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/phonebill/phonebill/dev/e2e/internal/abuse"
	"github.com/phonebill/phonebill/dev/openapitest/access"
)

// Operation is an operation of a service.
type Operation struct {
	access.Operation

	Service string
	// Weight is the relative frequency of calls; 0 means 1.
	Weight float64
}

// Caller is a source of requests.
type Caller struct {
	abuse.Person

	Name  string
	Rules []access.Rule // of operations that the caller may call
	// Spared are operations that the caller does not call, because they would invalidate the
	// caller.
	Spared     []string
	Credential []Field // sent with every request, in addition to the token
	// Known are values that only the caller knows, such as a password, by the names of parameters
	// and members.
	Known map[string]string
}

// World is the input of the generator.
type World struct {
	Callers []Caller
	// Values are candidate values, by the names of parameters and members.
	Values map[string][]string
}

// Generator generates requests.
type Generator struct {
	Seed       uint64
	Operations []Operation
	// Framing allows requests that net/http answers before any route, such as contradictory
	// lengths.
	Framing bool
}

// Case is a request to send.
type Case struct {
	N         int
	Operation Operation
	Caller    Caller
	Mutations []Mutation // applied to a valid request in this order

	world World
	seed  uint64
}

// Random streams of a case: its choices and its valid request. Those of the mutations follow.
const (
	choices = iota
	example
	firstMutation
)

// stream returns the nth random stream of a seed.
func stream(seed, n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, n)) } //nolint:gosec // a run can be replayed

// Case returns the nth case in a world. It is deterministic.
func (g Generator) Case(n int, world World) Case {
	seed := stream(g.Seed, uint64(n)).Uint64() //nolint:gosec // n counts from 0
	r := stream(seed, choices)
	operation := g.operation(r)
	c := Case{N: n, Operation: operation, Caller: caller(r, operation, world.Callers), world: world, seed: seed}
	fitting := slices.DeleteFunc(slices.Clone(mutations), func(m Mutation) bool {
		return m.framing && !g.Framing || m.needs != nil && !m.needs(operation)
	})
	for range pick(r, []int{0, 1, 1, 1, 1, 1, 1, 2, 2, 3}) {
		c.Mutations = append(c.Mutations, weighted(r, fitting, func(m Mutation) float64 { return m.weight }))
		c.Mutations[len(c.Mutations)-1].stream = uint64(firstMutation + len(c.Mutations))
	}
	return c
}

func (g Generator) operation(r *rand.Rand) Operation {
	return weighted(r, g.Operations, func(o Operation) float64 {
		if o.Weight == 0 {
			return 1
		}
		return o.Weight
	})
}

// weighted returns a random value with the given weights.
func weighted[T any](r *rand.Rand, values []T, weight func(T) float64) T {
	total := 0.0
	for _, value := range values {
		total += weight(value)
	}
	at := r.Float64() * total
	for _, value := range values {
		if at -= weight(value); at < 0 {
			return value
		}
	}
	return values[len(values)-1]
}

// caller returns a caller for an operation, mostly an entitled one.
func caller(r *rand.Rand, o Operation, all []Caller) Caller {
	all = slices.DeleteFunc(slices.Clone(all), func(c Caller) bool { return slices.Contains(c.Spared, o.Name()) })
	entitled := slices.DeleteFunc(slices.Clone(all), func(c Caller) bool { return !slices.Contains(c.Rules, o.Rule) })
	if len(entitled) > 0 && chance(r, 80) {
		return pick(r, entitled)
	}
	return pick(r, all)
}

// Valid reports whether the request conforms to the document.
func (c Case) Valid() bool { return len(c.Mutations) == 0 }

// Names returns the names of the mutations.
func (c Case) Names() []string {
	names := make([]string, len(c.Mutations))
	for i, m := range c.Mutations {
		names[i] = m.name
	}
	return names
}

// Without returns the case without its ith mutation. The others are unchanged.
func (c Case) Without(i int) Case {
	c.Mutations = slices.Delete(slices.Clone(c.Mutations), i, i+1)
	return c
}

// Request returns the request to send.
func (c Case) Request() Request {
	d := c.draft()
	for _, m := range c.Mutations {
		m.apply(stream(c.seed, m.stream), d)
	}
	return d.request()
}

// draft returns the valid request before mutations.
func (c Case) draft() *draft {
	r := stream(c.seed, example)
	values := c.values(r)
	sample := c.Operation.Example(values)
	path, query, _ := strings.Cut(sample.Path, "?")
	d := &draft{operation: c.Operation, method: sample.Method, version: "HTTP/1.1", path: strings.Split(path, "/")}
	if query != "" {
		d.query = strings.Split(query, "&")
	}
	d.header = append(d.header, Field{"Host", ""})
	if c.Caller.Token != "" {
		d.header = append(d.header, Field{"Authorization", "Bearer " + c.Caller.Token})
	}
	d.header = append(d.header, c.Caller.Credential...)
	d.optional(r, values)
	if sample.Body != nil {
		d.header = append(d.header, Field{"Content-Type", "application/json"})
		d.body = optionalMembers(r, sample.Body, c.Operation.Body(), values)
	}
	return d
}

// values returns a value for each name: mostly the caller's own, otherwise another caller's or one
// of the world's.
func (c Case) values(r *rand.Rand) map[string]string {
	values := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.world.Values)) {
		values[name] = pick(r, c.world.Values[name])
	}
	maps.Copy(values, c.Caller.Known)
	own, other := c.Caller.Values(c.Operation.Service), pick(r, c.world.Callers).Values(c.Operation.Service)
	for _, name := range slices.Sorted(maps.Keys(own)) {
		value := own[name]
		if chance(r, 10) {
			value = other[name]
		}
		if value != "" {
			values[name] = value
		}
	}
	return values
}

// optionalMembers returns a body as a node, with some of its optional members added.
func optionalMembers(r *rand.Rand, body []byte, schema *openapi3.Schema, values map[string]string) *node {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return &node{raw: string(body)}
	}
	root := newNode(value, schema)
	has := func(name string) bool {
		return slices.ContainsFunc(root.members, func(m member) bool { return m.name == text(name) })
	}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		if !has(name) && chance(r, 40) {
			property := schema.Properties[name].Value
			root.members = append(root.members, member{text(name), newNode(access.Sample(name, property, values), property)})
		}
	}
	return root
}

// optional adds some of the optional parameters.
func (d *draft) optional(r *rand.Rand, values map[string]string) {
	for _, ref := range d.operation.Parameters() {
		parameter := ref.Value
		value := fmt.Sprint(access.Sample(parameter.Name, parameter.Schema.Value, values))
		switch {
		case parameter.In == "query" && !d.asks(parameter.Name) && chance(r, 30):
			d.query = append(d.query, parameter.Name+"="+escape(value))
		case parameter.In == "header" && chance(r, 40):
			d.header = append(d.header, Field{parameter.Name, value})
		}
	}
}
