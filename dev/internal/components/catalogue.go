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
// by type and version, from their metadata files. `go test -run Catalogue -args -update` writes it.
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

// catalogue returns the descriptions by type and version, such as "state.postgresql/v2".
var catalogue = sync.OnceValue(func() map[string]description {
	var all map[string]description
	if err := json.Unmarshal(catalogueJSON, &all); err != nil {
		panic(fmt.Sprintf("components: catalogue.json: %v", err)) // compiled in
	}
	return all
})

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

// needs are the capabilities of components that PhoneBill relies on, by name: entries are read,
// written if their ETag matches, and expire. A broker needs none that Dapr describes: dead letters are
// Dapr's own, and subscribers neither need order nor mind repetition.
var needs = map[string][]string{
	"session-store": {"crud", "etag", "ttl"},
	"cache-store":   {"crud", "etag", "ttl"},
}

// undescribed are capabilities that a component's description omits. A real daprd reports them.
var undescribed = map[string][]string{"state.redis": {"ttl"}, "state.sqlite": {"crud", "etag", "ttl"}}

// eitherOr are options of which one suffices, although the description requires each.
var eitherOr = map[string][]string{"secretstores.hashicorp.vault": {"vaultToken", "vaultTokenMountPath"}}

// Lacking returns the capabilities that a component needs and that are not among those given, in any
// case.
func Lacking(name string, given []string) []string {
	return slices.DeleteFunc(slices.Clone(needs[name]), func(needed string) bool {
		return slices.ContainsFunc(given, func(one string) bool { return strings.EqualFold(one, needed) })
	})
}
