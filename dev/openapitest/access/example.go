package access

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Example is a request that conforms to a document.
type Example struct {
	Method, Path string // with the query
	Body         []byte // JSON; nil for none
}

// Example returns a valid request with all required and all owned values; values override the
// document's examples.
func (o Operation) Example(values map[string]string) Example {
	example := Example{Method: o.Method, Path: o.Path}
	query := url.Values{}
	for _, ref := range o.parameters {
		parameter := ref.Value
		value := fmt.Sprint(Sample(parameter.Name, parameter.Schema.Value, values))
		switch parameter.In {
		case "path":
			example.Path = strings.ReplaceAll(example.Path, "{"+parameter.Name+"}", url.PathEscape(value))
		case "query":
			if parameter.Required || o.owns("query", parameter.Name) {
				query.Set(parameter.Name, value)
			}
		}
	}
	if len(query) > 0 {
		example.Path += "?" + query.Encode()
	}
	if body := o.Body(); body != nil {
		// These values always marshal.
		example.Body, _ = json.Marshal(Sample("", body, values))
	}
	return example
}

func (o Operation) owns(in, name string) bool {
	return slices.ContainsFunc(o.Owned, func(owned Owned) bool { return owned.In == in && owned.Name == name })
}

// Sample returns a value of a schema: the one in values for name, or one that conforms to the
// schema.
func Sample(name string, schema *openapi3.Schema, values map[string]string) any {
	if value, ok := values[name]; ok {
		return value
	}
	switch {
	case schema.Const != nil:
		return schema.Const
	case len(schema.Enum) > 0:
		return schema.Enum[0]
	case schema.Example != nil:
		return schema.Example
	case len(schema.Examples) > 0:
		return schema.Examples[0]
	case schema.Type.Includes("object") || len(schema.Properties) > 0:
		return object(schema, values)
	case schema.Type.Includes("array"):
		return []any{}
	case schema.Type.Includes("integer"), schema.Type.Includes("number"):
		if schema.Min != nil {
			return *schema.Min
		}
		return 0
	case schema.Type.Includes("boolean"):
		return false
	}
	return strings.Repeat("x", max(1, int(schema.MinLength))) //nolint:gosec // the shortest allowed text; lengths in our documents are small
}

func object(schema *openapi3.Schema, values map[string]string) map[string]any {
	members := map[string]any{}
	for name, property := range schema.Properties {
		if slices.Contains(schema.Required, name) {
			members[name] = Sample(name, property.Value, values)
		}
	}
	return members
}
