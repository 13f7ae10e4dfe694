package fuzz

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// node is a JSON value that can be changed into invalid JSON: members are ordered and may be
// duplicated, and raw text is written unchanged.
type node struct {
	bracket byte     // { or [; 0 for scalars
	members []member // of an object or, without names, an array
	raw     string   // of a scalar
	schema  *openapi3.Schema
}

// member is a member of an object or an element of an array.
type member struct {
	name  string // raw, including quotes
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

// text returns a value as JSON.
func text(value any) string {
	encoded, err := json.Marshal(value)
	if err != nil {
		return "null"
	}
	return string(encoded)
}

// property returns the schema of a member, or nil.
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
	out.WriteByte(n.bracket + 2) // in ASCII, } and ] follow { and [ at this distance
}

// below returns all nodes below the node for which keep returns true.
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

// objects returns the node and its descendants that are non-empty objects.
func (n *node) objects() []*node {
	isObject := func(n *node) bool { return n.bracket == '{' && len(n.members) > 0 }
	found := n.below(isObject)
	if isObject(n) {
		found = append(found, n)
	}
	return found
}

// set replaces the node by a raw value.
func (n *node) set(raw string) { n.bracket, n.members, n.raw = 0, nil, raw }
