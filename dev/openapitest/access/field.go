package access

import (
	"cmp"
	"slices"
)

// Field is a value that a request of an operation may contain.
type Field struct{ In, Name string } // In is path, query or body

// Fields returns the values that a request of the operation may contain, sorted.
func (o Operation) Fields() []Field {
	var all []Field
	for _, parameter := range o.parameters {
		if in := parameter.Value.In; in == "path" || in == "query" {
			all = append(all, Field{in, parameter.Value.Name})
		}
	}
	if body := o.Body(); body != nil {
		for name := range body.Properties {
			all = append(all, Field{"body", name})
		}
	}
	slices.SortFunc(all, func(a, b Field) int { return cmp.Or(cmp.Compare(a.In, b.In), cmp.Compare(a.Name, b.Name)) })
	return all
}
