package access

import (
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// Parameters returns the parameters of the operation and of its path.
func (o Operation) Parameters() openapi3.Parameters { return slices.Clone(o.parameters) }

// Body returns the schema of the operation's JSON body, or nil.
func (o Operation) Body() *openapi3.Schema { return o.body() }

// Sample returns a value of a schema: the one in values for name, or one that conforms to the
// schema.
func Sample(name string, schema *openapi3.Schema, values map[string]string) any {
	return sample(name, schema, values)
}
