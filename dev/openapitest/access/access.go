// Package access reads the access rules from OpenAPI documents and tests services against them. The
// rule of an operation is its extension x-access; parameters and members that name objects with an
// owner are listed in x-owned:
//
//	x-access: BILL_INQUIRY
//	x-owned: { line: body.lineNumber }
//
// Only tests may import it.
package access

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Rule is an access rule.
type Rule string

// The rules. All others are permissions, see Permissions.
const (
	// Public operations need no authentication and are routed by the ingress.
	Public Rule = "public"
	// Authenticated operations need a session.
	Authenticated Rule = "authenticated"
	// Admin operations need an administrator.
	Admin Rule = "ADMIN"
	// Internal operations are not routed by the ingress, and need the operation's security scheme,
	// which is not a user's token.
	Internal Rule = "internal"
	// Unrouted operations are not routed by the ingress, and need no authentication.
	Unrouted Rule = "unrouted"
)

// Permissions are the customers' permissions that an operation may require.
var Permissions = []Rule{"BILL_INQUIRY", "PRODUCT_CHANGE"}

// NeedsToken reports whether the caller needs a user's access token.
func (r Rule) NeedsToken() bool {
	return r == Authenticated || r == Admin || slices.Contains(Permissions, r)
}

// Routed reports whether the ingress routes such operations.
func (r Rule) Routed() bool { return r == Public || r.NeedsToken() }

// Kind is the kind of an object with an owner.
type Kind string

// Owned is a part of a request that names an object with an owner.
type Owned struct {
	Kind Kind
	In   string // path, query or body
	Name string
}

// owners are the names of parameters and members that always name an object with an owner.
var owners = map[string]Kind{"lineNumber": "line", "requestId": "request", "userId": "user", "sessionId": "session"}

// Operation is a method of a path.
type Operation struct {
	Method, Path string // the path template of the document
	Rule         Rule
	Owned        []Owned

	spec       *openapi3.Operation
	parameters openapi3.Parameters
	schemes    []string // of security; any of them suffices
}

// Name returns method and path.
func (o Operation) Name() string { return o.Method + " " + o.Path }

// Operations returns the operations of a document, sorted by name. It returns an error that lists
// every operation with a missing, unknown or inconsistent rule, and every owned object missing in
// x-owned.
func Operations(document []byte) ([]Operation, error) {
	loader := openapi3.NewLoader()
	parsed, err := loader.LoadFromData(document)
	if err != nil {
		return nil, fmt.Errorf("access: %w", err)
	}
	var (
		operations []Operation
		faults     []error
	)
	for path, item := range parsed.Paths.Map() {
		for method, spec := range item.Operations() {
			operation, err := read(parsed, method, path, spec)
			operations, faults = append(operations, operation), append(faults, err)
		}
	}
	slices.SortFunc(operations, func(a, b Operation) int { return strings.Compare(a.Name(), b.Name()) })
	return operations, errors.Join(faults...)
}

func read(document *openapi3.T, method, path string, spec *openapi3.Operation) (Operation, error) {
	rule, _ := spec.Extensions["x-access"].(string)
	operation := Operation{
		Method: method, Path: path, Rule: Rule(rule),
		spec: spec, parameters: append(slices.Clone(spec.Parameters), document.Paths.Value(path).Parameters...),
		schemes: schemes(document, spec),
	}
	named, isMap := spec.Extensions["x-owned"].(map[string]any)
	if spec.Extensions["x-owned"] != nil && !isMap {
		return operation, fmt.Errorf("%s: x-owned is not { kind: place.name }", operation.Name())
	}
	for _, kind := range slices.Sorted(maps.Keys(named)) {
		place, name, _ := strings.Cut(fmt.Sprint(named[kind]), ".")
		operation.Owned = append(operation.Owned, Owned{Kind(kind), place, name})
	}
	if fault := operation.fault(); fault != "" {
		return operation, fmt.Errorf("%s: %s", operation.Name(), fault)
	}
	return operation, nil
}

// schemes returns the names of the security schemes of an operation.
func schemes(document *openapi3.T, spec *openapi3.Operation) []string {
	requirements := document.Security
	if spec.Security != nil {
		requirements = *spec.Security
	}
	var names []string
	for _, requirement := range requirements {
		names = slices.AppendSeq(names, maps.Keys(requirement))
	}
	return names
}

// userScheme is the security scheme of access tokens.
const userScheme = "accessToken"

// fault returns what is wrong with the operation's rules, or "".
func (o Operation) fault() string {
	byUser := slices.Contains(o.schemes, userScheme)
	switch {
	case o.Rule == "":
		return "has no x-access: say who may call it"
	case !o.Rule.Routed() && o.Rule != Internal && o.Rule != Unrouted:
		return fmt.Sprintf("has the unknown x-access %q", o.Rule)
	case o.Rule.NeedsToken() != byUser:
		return fmt.Sprintf("is %s, but its security says %v", o.Rule, o.schemes)
	case o.Rule == Internal && len(o.schemes) == 0:
		return "is internal, but its security asks for nothing"
	case (o.Rule == Public || o.Rule == Unrouted) && len(o.schemes) > 0:
		return fmt.Sprintf("is %s, but its security asks for %v", o.Rule, o.schemes)
	}
	return o.ownedFault()
}

// ownedFault returns what is missing or wrong in x-owned, or "".
func (o Operation) ownedFault() string {
	named := o.named()
	for _, owned := range o.Owned {
		if !slices.Contains(named, owned) {
			return fmt.Sprintf("has no %s.%s that names a %s", owned.In, owned.Name, owned.Kind)
		}
	}
	if !o.Rule.NeedsToken() || o.Rule == Admin {
		return ""
	}
	for _, owned := range named {
		if !slices.Contains(o.Owned, owned) {
			return fmt.Sprintf("takes %s.%s: x-owned must say { %s: %s.%s }", owned.In, owned.Name, owned.Kind, owned.In, owned.Name)
		}
	}
	return ""
}

// named returns the owned objects that the operation's request can name.
func (o Operation) named() []Owned {
	var all []Owned
	for _, parameter := range o.parameters {
		if kind, ok := owners[parameter.Value.Name]; ok {
			all = append(all, Owned{kind, parameter.Value.In, parameter.Value.Name})
		}
	}
	if body := o.Body(); body != nil {
		for name := range body.Properties {
			if kind, ok := owners[name]; ok {
				all = append(all, Owned{kind, "body", name})
			}
		}
	}
	return all
}

// Parameters returns the parameters of the operation and of its path.
func (o Operation) Parameters() openapi3.Parameters { return slices.Clone(o.parameters) }

// Body returns the schema of the operation's JSON body, or nil.
func (o Operation) Body() *openapi3.Schema {
	if o.spec.RequestBody == nil {
		return nil
	}
	if content := o.spec.RequestBody.Value.Content.Get("application/json"); content != nil && content.Schema != nil {
		return content.Schema.Value
	}
	return nil
}

// Writes reports whether the operation may have side effects.
func (o Operation) Writes() bool { return o.Method != http.MethodGet && o.Method != http.MethodHead }

// Owners returns the names of parameters and members that always name an object with an owner, with
// its kind.
func Owners() map[string]Kind { return maps.Clone(owners) }
