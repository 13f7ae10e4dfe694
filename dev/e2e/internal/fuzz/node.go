package fuzz

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// node is a JSON value that may be changed into what is none: members are kept in
// order, may occur twice, and every text is written as it is.
type node struct {
	bracket byte     // { or [; 0 for a value without parts
	members []member // of an object or, without names, of an array
	raw     string   // of a value without parts
	schema  *openapi3.Schema
}

// member is a part of an object or an array.
type member struct {
	name  string // as written, with its quotes
	value *node
}

// newNode returns a decoded JSON value as a node.
func newNode(value any, schema *openapi3.Schema) *node {
	switch value := value.(type) {
	case map[string]any:
		n := &node{bracket: '{', schema: schema}
		for _, name := range slices.Sorted(maps.Keys(value)) {
			n.members = append(n.members, member{text(name), newNode(value[name], property(schema, name))})
		}
		return n
	case []any:
		n := &node{bracket: '[', schema: schema}
		for _, item := range value {
			n.members = append(n.members, member{value: newNode(item, items(schema))})
		}
		return n
	}
	return &node{raw: text(value), schema: schema}
}

// text returns a value as JSON text.
func text(value any) string {
	encoded, err := json.Marshal(value)
	if err != nil {
		return "null"
	}
	return string(encoded)
}

// property returns the schema of a member, nil where there is none.
func property(schema *openapi3.Schema, name string) *openapi3.Schema {
	if schema == nil || schema.Properties[name] == nil {
		return nil
	}
	return schema.Properties[name].Value
}

func items(schema *openapi3.Schema) *openapi3.Schema {
	if schema == nil || schema.Items == nil {
		return nil
	}
	return schema.Items.Value
}

// bytes returns the JSON text.
func (n *node) bytes() []byte {
	var out bytes.Buffer
	n.write(&out)
	return out.Bytes()
}

func (n *node) write(out *bytes.Buffer) {
	if n.bracket == 0 {
		out.WriteString(n.raw)
		return
	}
	out.WriteByte(n.bracket)
	for i, member := range n.members {
		if i > 0 {
			out.WriteByte(',')
		}
		if n.bracket == '{' {
			out.WriteString(member.name + ":")
		}
		member.value.write(out)
	}
	out.WriteByte(n.bracket + 2) // } and ] follow { and [ at this distance
}

// below returns all nodes below the node that keep says yes to.
func (n *node) below(keep func(*node) bool) []*node {
	var found []*node
	for _, member := range n.members {
		if keep(member.value) {
			found = append(found, member.value)
		}
		found = append(found, member.value.below(keep)...)
	}
	return found
}

// objects returns the node and those below it that are objects with members.
func (n *node) objects() []*node {
	isObject := func(n *node) bool { return n.bracket == '{' && len(n.members) > 0 }
	found := n.below(isObject)
	if isObject(n) {
		found = append(found, n)
	}
	return found
}

// set makes the node another value.
func (n *node) set(raw string) { n.bracket, n.members, n.raw = 0, nil, raw }
