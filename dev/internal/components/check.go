package components

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// Check returns what is wrong with resources that are to replace those of the same name in base, each
// fault with its file and line. Names, kinds, scopes, topics and routes have to be those of base; the
// backend, its version and its options have to exist in the pinned Dapr and to have the needed
// capabilities.
func Check(base, over []Resource) error {
	var faults []error
	for _, r := range over {
		i := index(base, r.Metadata.Name)
		if i < 0 {
			faults = append(faults, r.wrong("PhoneBill uses no %s; the names are %s", r.Metadata.Name, names(base)).at("metadata", "name"))
			continue
		}
		for _, f := range r.against(base[i]) {
			faults = append(faults, f)
		}
	}
	return errors.Join(faults...)
}

func names(set []Resource) string {
	all := make([]string, 0, len(set))
	for _, r := range set {
		all = append(all, r.Metadata.Name)
	}
	return strings.Join(all, ", ")
}

// against returns the faults of a resource that replaces base.
func (r Resource) against(base Resource) []fault {
	if r.Kind != base.Kind {
		return []fault{r.wrong("the kind is %q, want %s", r.Kind, base.Kind).at("kind")}
	}
	var faults []fault
	if got, want := sorted(r.Scopes), sorted(base.Scopes); !slices.Equal(got, want) {
		faults = append(faults, r.wrong("the scopes are %v, want %v", got, want).at("scopes"))
	}
	if r.Kind != "Component" {
		return append(faults, r.subscription(base)...)
	}
	if class(r.Spec.Type) != class(base.Spec.Type) {
		return append(faults, r.wrong("%s has to be of a type %s.…, not %q", r.Metadata.Name, class(base.Spec.Type), r.Spec.Type).at("spec", "type"))
	}
	return slices.Concat(faults, r.common(base), r.backend())
}

func sorted(scopes []string) []string {
	scopes = slices.Clone(scopes)
	slices.Sort(scopes)
	return scopes
}

// subscription compares the fields of a Subscription, which are the contract of its apps.
func (r Resource) subscription(base Resource) (faults []fault) {
	for _, field := range []struct {
		got, want string
		path      []string
	}{
		{r.Spec.PubsubName, base.Spec.PubsubName, []string{"spec", "pubsubname"}},
		{r.Spec.Topic, base.Spec.Topic, []string{"spec", "topic"}},
		{r.Spec.DeadLetterTopic, base.Spec.DeadLetterTopic, []string{"spec", "deadLetterTopic"}},
		{r.Spec.Routes.Default, base.Spec.Routes.Default, []string{"spec", "routes", "default"}},
	} {
		if field.got != field.want {
			faults = append(faults, r.wrong("%s is %q, want %q", strings.Join(field.path[1:], "."), field.got, field.want).at(field.path...))
		}
	}
	return faults
}

// shared are options that have to be those of base: keys, which services share, and the topics of each
// app.
var shared = []string{"keyPrefix", "publishingScopes", "subscriptionScopes"}

// common compares what a component of any type has in common with base.
func (r Resource) common(base Resource) (faults []fault) {
	for _, name := range shared {
		if got, want := r.Option(name).Value, base.Option(name).Value; got != want {
			faults = append(faults, r.wrong("%s is %q, want %q", name, got, want).at("spec", "metadata", name))
		}
	}
	if len(Secrets([]Resource{r})) > 0 && r.Auth.SecretStore != "secret-store" {
		faults = append(faults, r.wrong("auth.secretStore is %q, want secret-store", r.Auth.SecretStore).at("auth", "secretStore"))
	}
	return faults
}

// CheckBackends returns what is wrong with the types and options of components, each fault with its
// file and line.
func CheckBackends(set []Resource) error {
	var faults []error
	for _, r := range set {
		if r.Kind == "Component" {
			for _, f := range r.backend() {
				faults = append(faults, f)
			}
		}
	}
	return errors.Join(faults...)
}

// backend checks type, version and options of a component.
func (r Resource) backend() []fault {
	name, version := r.Spec.Type, r.Spec.Version
	d, ok := catalogue()[name+"/"+version]
	if !ok {
		return []fault{r.wrong("the pinned Dapr has no %s %s", name, version).at("spec", "type")}
	}
	if d.Status != "stable" {
		return []fault{r.wrong("%s %s is %s in the pinned Dapr, want stable", name, version, d.Status).at("spec", "type")}
	}
	if lacks := Lacking(r.Metadata.Name, d.Capabilities); len(lacks) > 0 {
		return []fault{r.wrong("%s lacks %v, which %s needs", name, lacks, r.Metadata.Name).at("spec", "type")}
	}
	var faults []fault
	for _, option := range r.Spec.Metadata {
		if reason := d.refuse(name, option); reason != "" {
			faults = append(faults, r.wrong("%s", reason).at("spec", "metadata", option.Name))
		}
	}
	for _, option := range slices.Sorted(maps.Keys(d.Options)) {
		if d.Options[option].Required && r.Option(option).Name == "" {
			faults = append(faults, r.wrong("%s needs the option %s", name, option).at("spec", "metadata"))
		}
	}
	return faults
}

// refuse returns what is wrong with an option, or "".
func (d description) refuse(componentType string, option Option) string {
	rule, exists := d.rule(componentType, option.Name)
	secret := rule.Sensitive || strings.Contains(strings.ToLower(option.Name), "password")
	switch {
	case option.Name == "consumerID":
		return "consumerID is set by Dapr to the app-id: one value for all apps would share each event between them"
	case !exists:
		return componentType + " has no option " + option.Name
	case secret && option.SecretKeyRef.Name == "":
		return option.Name + " has to be from the secret store (secretKeyRef)"
	case len(rule.Allowed) > 0 && !slices.Contains(rule.Allowed, option.Value):
		return option.Name + " has to be one of " + strings.Join(rule.Allowed, ", ")
	}
	return ""
}
