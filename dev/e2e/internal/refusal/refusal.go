// Package refusal makes requests that a client gets refused out of an OpenAPI
// document: every operation with each of its inputs spoilt in every way. A new
// operation or input is covered without a change here.
package refusal

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/phonebill/phonebill/dev/openapitest/access"
)

// Request is what a client sends.
type Request struct {
	access.Example

	Fault string // what is wrong with it, in words
}

// long is longer than any input may be, and short enough for a URL.
var long = strings.Repeat("x", 300)

// texts are values that no input takes, or that few do. Some have the right
// characters and a wrong length, some the other way round; some are keys or
// paths elsewhere.
var texts = map[string]string{
	"empty": "", "one character": "C", "21 characters": strings.Repeat("C", 21), "long": long,
	"Korean": "고객번호", "a separator of keys": "a||b", "a NUL": "a\x00b", "of no request": "019a0000-0000-7000-8000-000000000000",
}

// values are what a body may have in place of a text.
var values = map[string]any{"null": nil, "a number": 1, "an object": map[string]any{"x": 1}}

// bodies are no objects that an operation takes.
var bodies = map[string]string{
	"none": "", "cut off": `{"x":`, "a list": "[]", "an unknown member": `{"unknown":1}`, "bytes that are no text": "{\"x\":\"\xff\"}",
}

// Requests returns the requests that o may have to refuse. Example makes a good
// one in which each given value stands where its name does.
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
		if text != "" { // that is another path
			g.add(name+" is "+what, g.example(map[string]string{name: text}))
		}
	}
}

func (g *generator) query(name string) {
	for what, text := range texts {
		e := g.example(nil)
		path, query, _ := strings.Cut(e.Path, "?")
		set, _ := url.ParseQuery(query) // we have encoded it
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

// spoil adds an example whose body's members are changed.
func (g *generator) spoil(fault string, change func(members map[string]any)) {
	e := g.example(nil)
	members := map[string]any{}
	if json.Unmarshal(e.Body, &members) != nil {
		return // the operation takes no object
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
