package charts

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// reference is what a field of an object refers to: an object, or a key of a ConfigMap that the
// operator writes.
type reference struct{ field, target string }

// references returns the references of an object. An owner without group and kind is of the kind
// that the operator expects.
func references(one object) []reference {
	var found []reference
	var walk func(value any, path string)
	walk = func(value any, path string) {
		switch v := value.(type) {
		case map[string]any:
			name, named := v["name"].(string)
			kind, typed := v["kind"].(string)
			_, keyed := v["key"].(string)
			switch {
			case named && typed && len(v) == 3:
				found = append(found, reference{path, fmt.Sprintf("%s/%s %s", v["group"], kind, name)})
			case named && keyed && strings.HasSuffix(path, "FromConfig"):
				found = append(found, reference{path, "ConfigMap " + name + " " + v["key"].(string)})
			case named && path == "owner" && len(v) == 1:
				found = append(found, reference{path, owners[one.kind()] + " " + name})
			default:
				for field, inner := range v {
					walk(inner, field)
				}
			}
		case []any:
			for _, inner := range v {
				walk(inner, path)
			}
		}
	}
	walk(one.at("spec"), "spec")
	return found
}

// owners are the kinds of owners that are given by name only.
var owners = func() map[string]string {
	of := map[string]string{}
	for owner, kinds := range map[string]string{
		"resources.azure.com/ResourceGroup": "Account ActionGroup ApplicationGateway BackupVault Component DataCollectionEndpoint DataCollectionRule FlexibleServer " +
			"ManagedCluster NatGateway NetworkSecurityGroup PrivateDnsZone PrivateEndpoint Profile PrometheusRuleGroup PublicIPAddress Redis RedisEnterprise Registry " +
			"StorageAccount UserAssignedIdentity Vault VirtualNetwork WebApplicationFirewallPolicy Workbook Workspace",
		"network.azure.com/VirtualNetwork":       "VirtualNetworksSubnet VirtualNetworksVirtualNetworkPeering",
		"network.azure.com/NetworkSecurityGroup": "NetworkSecurityGroupsSecurityRule",
		"network.azure.com/PrivateDnsZone":       "PrivateDnsZonesVirtualNetworkLink",
		"network.azure.com/PrivateEndpoint":      "PrivateEndpointsPrivateDnsZoneGroup",
		"dbforpostgresql.azure.com/FlexibleServer": "FlexibleServersAdministrator FlexibleServersConfiguration FlexibleServersDatabase FlexibleServersVirtualEndpoint " +
			"User",
		"cache.azure.com/RedisEnterprise":                "RedisEnterpriseDatabase",
		"containerregistry.azure.com/Registry":           "RegistryReplication",
		"containerservice.azure.com/ManagedCluster":      "ManagedClustersAgentPool MaintenanceConfiguration",
		"managedidentity.azure.com/UserAssignedIdentity": "FederatedIdentityCredential",
		"cdn.azure.com/Profile":                          "AfdEndpoint AfdCustomDomain AfdOriginGroup RuleSet SecurityPolicy",
		"cdn.azure.com/AfdOriginGroup":                   "AfdOrigin",
		"cdn.azure.com/AfdEndpoint":                      "Route",
		"cdn.azure.com/RuleSet":                          "Rule",
		"dataprotection.azure.com/BackupVault":           "BackupVaultsBackupPolicy BackupVaultsBackupInstance",
	} {
		for kind := range strings.FieldsSeq(kinds) {
			of[kind] = owner
		}
	}
	return of
}()

// targets returns the objects and the written ConfigMap keys by their names in references, each
// with its wave.
func targets(t *testing.T, all objects) map[string]int {
	t.Helper()
	waves := make(map[string]int)
	writers := make(map[any]string) // of ConfigMaps: the operator lets only one object write each
	writes := func(one object, written any) {
		name := at(written, "name")
		if other, taken := writers[name]; taken && other != one.String() {
			t.Errorf("%s and %s write the ConfigMap %s", other, one, name)
		}
		writers[name] = one.String()
	}
	add := func(name string, wave int) {
		if _, twice := waves[name]; twice {
			t.Errorf("%s exists twice", name)
		}
		waves[name] = wave
	}
	for _, one := range all {
		group, _, _ := strings.Cut(one.text("apiVersion"), "/")
		add(group+"/"+one.kind()+" "+one.name(), wave(t, one))
		for _, written := range one.part("spec", "operatorSpec", "configMaps") {
			writes(one, written)
			add(fmt.Sprintf("ConfigMap %s %s", at(written, "name"), at(written, "key")), wave(t, one))
		}
		for _, written := range one.list("spec", "operatorSpec", "configMapExpressions") {
			writes(one, written)
			add(fmt.Sprintf("ConfigMap %s %s", at(written, "name"), at(written, "key")), wave(t, one))
		}
	}
	return waves
}

func wave(t *testing.T, one object) int {
	t.Helper()
	number, err := strconv.Atoi(one.text("metadata", "annotations", "argocd.argoproj.io/sync-wave"))
	if err != nil {
		t.Errorf("%s: %v", one, err)
	}
	return number
}

// TestReferencesLeadToEarlierWaves checks that each reference has a target, and that Argo CD
// applies the target in an earlier wave, so that no wave waits for a later one. Hence the graph has
// no cycle.
func TestReferencesLeadToEarlierWaves(t *testing.T) {
	t.Parallel()
	eachPlatform(t, func(t *testing.T, all objects) {
		t.Helper()
		known := targets(t, all)
		for _, one := range all {
			found := references(one)
			owned := slices.ContainsFunc(found, func(r reference) bool { return r.field == "owner" }) || one.text("spec", "owner", "armId") != ""
			if !owned && one.kind() != "ResourceGroup" {
				t.Errorf("%s has no owner", one)
			}
			for _, r := range found {
				before, exists := known[r.target]
				if !exists {
					t.Errorf("%s: %s refers to %s, which does not exist", one, r.field, r.target)
				} else if before >= wave(t, one) {
					t.Errorf("%s in wave %d: %s refers to %s in wave %d", one, wave(t, one), r.field, r.target, before)
				}
			}
		}
	})
}

// TestIdsLeadToObjects checks the resource ids in fields that take no reference.
func TestIdsLeadToObjects(t *testing.T) {
	t.Parallel()
	kinds := map[string]string{"applicationGateways": "ApplicationGateway", "workspaces": "Workspace"}
	eachPlatform(t, func(t *testing.T, all objects) {
		t.Helper()
		group := all.of("ResourceGroup")[0].name()
		for _, one := range all {
			visit(map[string]any(one), "", func(path string, value any) {
				text, _ := value.(string)
				_, id, own := strings.Cut(text, "/resourceGroups/"+group+"/providers/")
				if !own {
					return
				}
				parts := strings.Split(id, "/")
				all.find(t, kinds[parts[1]], parts[2])
				if len(parts) > 3 && !contains(one, parts[3], parts[4]) {
					t.Errorf("%s: %s refers to %s %s, which it has not", one, path, parts[3], parts[4])
				}
			})
		}
	})
}

// contains reports whether a list in the spec of an object has a part of that name.
func contains(one object, list, name string) bool {
	return slices.ContainsFunc(one.list("spec", list), func(part any) bool { return at(part, "name") == name })
}

// diagnosable are the kinds that write logs or metrics by a diagnostic setting. The traces of
// Application Insights are in the workspace without one.
var diagnosable = []string{
	"VirtualNetwork", "NetworkSecurityGroup", "PublicIPAddress", "ApplicationGateway", "ManagedCluster", "FlexibleServer", "RedisEnterprise",
	"RedisEnterpriseDatabase", "Redis", "StorageAccount", "Vault", "Registry", "Profile", "Workspace", "BackupVault",
}

func TestEachResourceIsDiagnosedOnce(t *testing.T) {
	t.Parallel()
	eachPlatform(t, func(t *testing.T, all objects) {
		t.Helper()
		settings := make(map[string]int)
		for _, setting := range all.of("DiagnosticSetting") {
			settings[setting.text("spec", "owner", "kind")+" "+setting.text("spec", "owner", "name")]++
			if len(setting.list("spec", "logs"))+len(setting.list("spec", "metrics")) == 0 {
				t.Errorf("%s collects nothing", setting)
			}
		}
		want := make(map[string]int)
		for _, one := range all {
			if slices.Contains(diagnosable, one.kind()) {
				want[one.String()] = 1
			}
		}
		equal(t, "diagnostic settings", settings, want)
	})
}
