// Package refusal derives invalid requests from an OpenAPI document: every operation with each of
// its inputs invalid in every way. New operations and inputs are covered automatically.
package refusal

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/phonebill/phonebill/dev/openapitest/access"
)

// Request is an invalid request.
type Request struct {
	access.Example

	Fault string // description of what is invalid
}

// long is longer than any valid input, and short enough for a URL.
var long = strings.Repeat("x", 300)

// texts are values that few inputs accept: wrong lengths, wrong characters, and keys and paths of
// other systems.
var texts = map[string]string{
	"empty": "", "one character": "C", "21 characters": strings.Repeat("C", 21), "long": long,
	"Korean": "고객번호", "a separator of keys": "a||b", "a NUL": "a\x00b", "of no request": "019a0000-0000-7000-8000-000000000000",
}

// values are values of other types than text.
var values = map[string]any{"null": nil, "a number": 1, "an object": map[string]any{"x": 1}}

// bodies are invalid bodies.
var bodies = map[string]string{
	"none": "", "cut off": `{"x":`, "a list": "[]", "an unknown member": `{"unknown":1}`, "bytes that are no text": "{\"x\":\"\xff\"}",
}

// Requests returns invalid requests of o. example returns a valid request with the given values by
// name.
func Requests(o access.Operation, example func(values map[string]string) access.Example) []Request {
	g := generator{example: example}
	for _, input := range o.Fields() {
		switch input.In {
		case "path":
			g.path(input.Name)
		case "query":
			g.query(input.Name)
		case "body":
			g.member(input.Name)
		}
	}
	g.body()
	return g.requests
}

type generator struct {
	example  func(values map[string]string) access.Example
	requests []Request
}

func (g *generator) add(fault string, e access.Example) {
	g.requests = append(g.requests, Request{Example: e, Fault: fault})
}

func (g *generator) path(name string) {
	for what, text := range texts {
		if text != "" { // an empty value is another path
			g.add(name+" is "+what, g.example(map[string]string{name: text}))
		}
	}
}

func (g *generator) query(name string) {
	for what, text := range texts {
		e := g.example(nil)
		path, query, _ := strings.Cut(e.Path, "?")
		set, _ := url.ParseQuery(query) // the query is our own
		set.Set(name, text)
		e.Path = path + "?" + set.Encode()
		g.add(name+" is "+what, e)
	}
}

func (g *generator) member(name string) {
	g.spoil(name+" is missing", func(members map[string]any) { delete(members, name) })
	for what, text := range texts {
		g.spoil(fmt.Sprintf("%s is %s", name, what), func(members map[string]any) { members[name] = text })
	}
	for what, value := range values {
		g.spoil(fmt.Sprintf("%s is %s", name, what), func(members map[string]any) { members[name] = value })
	}
}

// spoil adds an example with changed members of the body.
func (g *generator) spoil(fault string, change func(members map[string]any)) {
	e := g.example(nil)
	members := map[string]any{}
	if json.Unmarshal(e.Body, &members) != nil {
		return // the body is not an object
	}
	change(members)
	e.Body, _ = json.Marshal(members) // it was JSON before
	g.add(fault, e)
}

func (g *generator) body() {
	if g.example(nil).Body == nil {
		return
	}
	for what, text := range bodies {
		e := g.example(nil)
		e.Body = []byte(text)
		g.add("the body is "+what, e)
	}
}
