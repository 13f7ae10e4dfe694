package fuzz

import (
	"math/rand/v2"
	"slices"
)

// Mutation is something that is done to a valid request.
type Mutation struct {
	name    string
	weight  float64
	needs   func(Operation) bool // nil: fits every operation
	framing bool
	apply   func(r *rand.Rand, d *draft)

	stream uint64 // of its random numbers
}

// mutations are all there are.
var mutations = slices.Concat(memberMutations, byteMutations, pathMutations, queryMutations, headerMutations, framingMutations)

func hasBody(o Operation) bool       { return o.Body() != nil }
func hasParameters(o Operation) bool { return len(parameters(o, "path")) > 0 }
func hasQuery(o Operation) bool      { return len(parameters(o, "query")) > 0 }

// Mutations returns the names of all there are.
func Mutations() []string {
	names := make([]string, len(mutations))
	for i, m := range mutations {
		names[i] = m.name
	}
	return names
}
