package access

import (
	"cmp"
	"slices"
)

// Parameter is something that a request of an operation may carry.
type Parameter struct{ In, Name string } // In is path, query or body

// Parameters returns what a request of the operation may carry, in order.
func (o Operation) Parameters() []Parameter {
	var all []Parameter
	for _, parameter := range o.parameters {
		if in := parameter.Value.In; in == "path" || in == "query" {
			all = append(all, Parameter{in, parameter.Value.Name})
		}
	}
	if body := o.body(); body != nil {
		for name := range body.Properties {
			all = append(all, Parameter{"body", name})
		}
	}
	slices.SortFunc(all, func(a, b Parameter) int { return cmp.Or(cmp.Compare(a.In, b.In), cmp.Compare(a.Name, b.Name)) })
	return all
}
