package fuzz

import (
	"math/rand/v2"
	"slices"
)

// Mutation is a change of a valid request.
type Mutation struct {
	name    string
	weight  float64
	needs   func(Operation) bool // nil: all operations
	framing bool
	apply   func(r *rand.Rand, d *draft)

	stream uint64 // its random stream
}

// mutations are all mutations.
var mutations = slices.Concat(memberMutations, byteMutations, pathMutations, queryMutations, headerMutations, framingMutations)

func hasBody(o Operation) bool       { return o.Body() != nil }
func hasParameters(o Operation) bool { return len(parameters(o, "path")) > 0 }
func hasQuery(o Operation) bool      { return len(parameters(o, "query")) > 0 }

// Mutations returns the names of all mutations.
func Mutations() []string {
	names := make([]string, len(mutations))
	for i, m := range mutations {
		names[i] = m.name
	}
	return names
}
