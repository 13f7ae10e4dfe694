package components

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// catalogueJSON describes the state stores, brokers and secret stores of the pinned components-contrib
// by type and version, from their metadata files, with corrections. `go test -run Catalogue -args
// -update` writes it. The chart phonebill reads it too.
//
//go:embed catalogue.json
var catalogueJSON []byte

// description says what a component type offers and which options it has.
type description struct {
	Status       string          `json:"status"`
	Capabilities []string        `json:"capabilities,omitempty"`
	Options      map[string]rule `json:"options"`
}

// rule restricts the value of an option.
type rule struct {
	Required  bool     `json:"required,omitempty"`
	Sensitive bool     `json:"sensitive,omitempty"`
	Allowed   []string `json:"allowed,omitempty"`
}

var (
	// catalogue returns the descriptions by type and version, such as "state.postgresql/v2".
	catalogue = sync.OnceValue(func() map[string]description { return decode[description](catalogueJSON) })
	// needs returns the needed capabilities by component.
	needs = sync.OnceValue(func() map[string][]string { return decode[[]string](needsJSON) })
)

// decode returns the content of a compiled-in file.
func decode[T any](content []byte) map[string]T {
	var all map[string]T
	if err := json.Unmarshal(content, &all); err != nil {
		panic(fmt.Sprintf("components: %v", err))
	}
	return all
}

// ofDapr are options that Dapr itself reads for any component of a class.
var ofDapr = map[string][]string{
	"state":  {"keyPrefix"},
	"pubsub": {"publishingScopes", "subscriptionScopes"},
}

// ignored are options that the component ignores, each for a reason that its file gives.
var ignored = map[string][]string{"secretstores.local.file": {"generation"}}

// class returns the first part of a component type: state, pubsub, secretstores.
func class(componentType string) string {
	before, _, _ := strings.Cut(componentType, ".")
	return before
}

// rule returns the rule of an option of a component type, and whether the option exists.
func (d description) rule(componentType, option string) (rule, bool) {
	if slices.Contains(ofDapr[class(componentType)], option) || slices.Contains(ignored[componentType], option) {
		return rule{}, true
	}
	known, ok := d.Options[option]
	return known, ok
}

// needsJSON has the capabilities of components that PhoneBill relies on, by name: entries are read,
// written if their ETag matches, and expire. A broker needs none that Dapr describes: dead letters are
// Dapr's own, and subscribers neither need order nor mind repetition. The chart phonebill reads it too.
//
//go:embed needs.json
var needsJSON []byte

// Lacking returns the capabilities that a component needs and that are not among those given, in any
// case.
func Lacking(name string, given []string) []string {
	return slices.DeleteFunc(slices.Clone(needs()[name]), func(needed string) bool {
		return slices.ContainsFunc(given, func(one string) bool { return strings.EqualFold(one, needed) })
	})
}
