package access

import (
	"cmp"
	"slices"
)

// Input is something that a request of an operation may carry.
type Input struct{ In, Name string } // In is path, query or body

// Inputs returns what a request of the operation may carry, in order.
func (o Operation) Inputs() []Input {
	var inputs []Input
	for _, parameter := range o.parameters {
		if in := parameter.Value.In; in == "path" || in == "query" {
			inputs = append(inputs, Input{in, parameter.Value.Name})
		}
	}
	if body := o.body(); body != nil {
		for name := range body.Properties {
			inputs = append(inputs, Input{"body", name})
		}
	}
	slices.SortFunc(inputs, func(a, b Input) int { return cmp.Or(cmp.Compare(a.In, b.In), cmp.Compare(a.Name, b.Name)) })
	return inputs
}
