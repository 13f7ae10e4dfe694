package fuzz

import (
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// draft is a request under mutation.
type draft struct {
	operation       Operation
	method, version string
	path            []string // segments, escaped; the first is empty
	query           []string // name=value, escaped
	header          []Field
	body            *node // nil for none
	chunked         bool
	finish          []func(*Request) // transformations of the final bytes
}

// request returns the final request.
func (d *draft) request() Request {
	request := Request{Method: d.method, Target: d.target(), Version: d.version, Header: d.header, Chunked: d.chunked}
	if d.body != nil {
		request.Body = d.body.bytes()
	}
	for _, finish := range d.finish {
		finish(&request)
	}
	return request
}

func (d *draft) target() string {
	target := strings.Join(d.path, "/")
	if len(d.query) > 0 {
		target += "?" + strings.Join(d.query, "&")
	}
	return target
}

// asks reports whether the query has a parameter.
func (d *draft) asks(name string) bool {
	return slices.ContainsFunc(d.query, func(pair string) bool { return strings.HasPrefix(pair, name+"=") })
}

// set sets a header field to one value.
func (d *draft) set(name, value string) {
	d.remove(name)
	d.header = append(d.header, Field{name, value})
}

func (d *draft) remove(name string) {
	d.header = slices.DeleteFunc(slices.Clone(d.header), func(f Field) bool { return f.Name == name })
}

// get returns the value of a header field, or "".
func (d *draft) get(name string) string {
	for _, field := range d.header {
		if field.Name == name {
			return field.Value
		}
	}
	return ""
}

// parameters returns the operation's parameters in the path or the query.
func parameters(o Operation, in string) []*openapi3.Parameter {
	var found []*openapi3.Parameter
	for _, ref := range o.Parameters() {
		if ref.Value.In == in {
			found = append(found, ref.Value)
		}
	}
	return found
}

// segment returns the index of a parameter's path segment.
func segment(o Operation, name string) int {
	return slices.Index(strings.Split(o.Path, "/"), "{"+name+"}")
}

// escape percent-encodes everything but letters and digits.
func escape(text string) string {
	var out strings.Builder
	for i := range len(text) {
		c := text[i]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("-_.~", c) >= 0 {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}
