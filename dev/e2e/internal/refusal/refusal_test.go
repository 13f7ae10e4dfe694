package refusal

import (
	"slices"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/dev/openapitest/access"
)

const document = `
openapi: 3.1.0
info: { title: t, version: "1" }
paths:
  /things/{id}:
    post:
      x-access: public
      security: []
      parameters:
        - { name: id, in: path, required: true, schema: { type: string } }
        - { name: size, in: query, schema: { type: integer } }
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [customer]
              properties: { customer: { type: string }, later: { type: boolean } }
      responses: { "200": { description: done } }
`

func TestEveryInputIsInvalidated(t *testing.T) {
	t.Parallel()
	operations, err := access.Operations([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	requests := Requests(operations[0], func(values map[string]string) access.Example { return operations[0].Example(values) })
	seen := func(what string, matches func(r Request) bool) {
		t.Helper()
		if !slices.ContainsFunc(requests, matches) {
			t.Errorf("no request with %s", what)
		}
	}
	seen("a long id", func(r Request) bool { return strings.HasPrefix(r.Path, "/things/"+long) })
	seen("a Korean size", func(r Request) bool { return strings.Contains(r.Path, "?size=%EA%B3%A0") })
	seen("a customer of one letter", func(r Request) bool { return string(r.Body) == `{"customer":"C"}` })
	seen("no customer", func(r Request) bool { return string(r.Body) == `{}` })
	seen("an optional member", func(r Request) bool { return string(r.Body) == `{"customer":"x","later":1}` })
	seen("half a body", func(r Request) bool { return string(r.Body) == bodies["cut off"] })
	if want := len(texts) - 1 + len(texts) + 2*(1+len(texts)+len(values)) + len(bodies); len(requests) != want {
		t.Errorf("%d requests, want %d", len(requests), want)
	}
}
