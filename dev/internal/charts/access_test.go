package charts

import (
	"slices"
	"strings"
	"testing"
)

// subject returns the account and the Role of a RoleBinding.
func subject(t *testing.T, binding object) (account, role string) {
	t.Helper()
	if len(binding.list("subjects")) != 1 || binding.text("roleRef", "kind") != "Role" {
		t.Fatalf("%s binds more than one account to one Role", binding)
	}
	account, _ = at(binding.list("subjects")[0], "name").(string)
	return account, binding.text("roleRef", "name")
}

func TestAccountsHaveRequiredRoles(t *testing.T) {
	t.Parallel()
	for _, environment := range environments {
		all := system(t, environment)
		bound := make(map[string][]string)
		for _, binding := range all.of("RoleBinding") {
			account, role := subject(t, binding)
			bound[account] = append(bound[account], role)
			all.find(t, "ServiceAccount", account)
			all.find(t, "Role", role)
		}
		want := map[string][]string{"deployment-sa": {"application-writer"}}
		for _, deployment := range all.of("Deployment") {
			if name := deployment.name(); slices.Contains(services, name) {
				want[name+"-sa"] = []string{"application-reader"}
				if environment != "prod" && name != "web-portal" { // secrets of prod are in Key Vault, and the portal has none
					want[name+"-sa"] = append(want[name+"-sa"], name+"-secrets")
				}
				equal(t, environment+": the pods of "+name+" are", deployment.text("spec", "template", "spec", "serviceAccountName"), name+"-sa")
			}
		}
		equal(t, environment, bound, want)
	}
}

func TestApplicationReaderRules(t *testing.T) {
	t.Parallel()
	role := system(t, "prod").find(t, "Role", "application-reader")
	equal(t, "application-reader", role.at("rules"), any([]any{map[string]any{
		"apiGroups": []any{""}, "resources": []any{"pods", "services", "configmaps"}, "verbs": []any{"get"},
	}}))
}

// mayWrite reports whether a Role allows writing a resource.
func mayWrite(role object, resource string) bool {
	return slices.ContainsFunc(role.list("rules"), func(rule any) bool {
		verbs, _ := at(rule, "verbs").([]any)
		resources, _ := at(rule, "resources").([]any)
		return slices.Contains(resources, any(resource)) &&
			slices.Contains(verbs, any("create")) && slices.Contains(verbs, any("update")) && slices.Contains(verbs, any("delete"))
	})
}

func TestApplicationWriterRules(t *testing.T) {
	t.Parallel()
	for _, environment := range environments {
		all := system(t, environment)
		role := all.find(t, "Role", "application-writer")
		administrators := append([]string{"Role", "RoleBinding"}, clusterScoped...)
		for _, one := range all {
			plural := plural(one.kind())
			if !slices.Contains(administrators, one.kind()) && !mayWrite(role, plural) {
				t.Errorf("%s: deployers cannot write %s", environment, one)
			}
		}
		for _, forbidden := range []string{"secrets", "roles", "rolebindings", "*"} {
			if mayWrite(role, forbidden) || strings.Contains(role.String(), "*") {
				t.Errorf("%s: deployers may write %s", environment, forbidden)
			}
		}
	}
}

func plural(kind string) string {
	lower := strings.ToLower(kind)
	switch {
	case strings.HasSuffix(lower, "cy"):
		return strings.TrimSuffix(lower, "y") + "ies"
	case strings.HasSuffix(lower, "ss"):
		return lower + "es"
	}
	if strings.HasSuffix(lower, "y") {
		return strings.TrimSuffix(lower, "y") + "ies"
	}
	return lower + "s"
}

// TestSidecarsReadTheSecretsOfTheirServiceOnly compares the Roles with the Configurations of the
// services and the components of the sidecars.
func TestSidecarsReadTheSecretsOfTheirServiceOnly(t *testing.T) {
	t.Parallel()
	for _, environment := range []string{"local", "dev"} {
		t.Run(environment, func(t *testing.T) {
			all := system(t, environment)
			for _, service := range stateful {
				role := all.find(t, "Role", service+"-secrets")
				equal(t, environment+": "+service, role.at("rules"), any([]any{map[string]any{
					"apiGroups": []any{""}, "resources": []any{"secrets"}, "verbs": []any{"get"},
					"resourceNames": all.secretsOf(t, service),
				}}))
			}
		})
	}
}

// secretsOf returns the secrets of a service according to the Dapr resources.
func (all objects) secretsOf(t *testing.T, service string) []any {
	t.Helper()
	scope := all.find(t, "Configuration", service).at("spec", "secrets", "scopes", 0, "allowedSecrets")
	names := slices.Clone(scope.([]any))
	for _, component := range append(all.of("Component"), all.of("HTTPEndpoint")...) {
		if !slices.Contains(component.list("scopes"), any(service)) {
			continue
		}
		for _, option := range component.list("spec", "metadata") {
			if name := at(option, "secretKeyRef", "name"); name != nil {
				names = append(names, name)
			}
		}
	}
	slices.SortFunc(names, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	return slices.Compact(names)
}

func TestWorkloadIdentityIsProductions(t *testing.T) {
	t.Parallel()
	for _, environment := range environments {
		for _, service := range services[:3] {
			account := system(t, environment).find(t, "ServiceAccount", service+"-sa")
			pod := system(t, environment).find(t, "Deployment", service).part("spec", "template")
			annotated := account.text("metadata", "annotations", "azure.workload.identity/client-id") != ""
			labelled := pod.text("metadata", "labels", "azure.workload.identity/use") == "true"
			if want := environment == "prod"; annotated != want || labelled != want {
				t.Errorf("%s: %s has an identity in Entra ID: account %t, pod %t", environment, service, annotated, labelled)
			}
		}
	}
}
