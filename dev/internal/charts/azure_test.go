package charts

import (
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/toolchain"
)

// platforms are the environments of the chart azure-platform.
var platforms = []string{"prod", "staging", "dr"}

// variations are further values of production's platform, which render other resources.
var variations = map[string][]string{
	"Redis Premium with RDB": {"--set", "redis.product=premium,redis.premium.storage=phonebillredis"},
	"Redis Premium with AOF": {"--set", "redis.product=premium,redis.premium.storage=phonebillredis,redis.premium.persistence=aof"},
	"replicated Redis": {"--set", "redis.managed.persistence=none,redis.managed.geoReplicas={/subscriptions/00000000-0000-0000-0000-000000000000/" +
		"resourceGroups/x/providers/Microsoft.Cache/redisEnterprise/x/databases/default}"},
	"RDB":                  {"--set", "redis.managed.persistence=rdb"},
	"blocked countries":    {"--set", "firewall.blockedCountries={KP}"},
	"later reconciliation": {"--set", "gateway.handedOver=true,postgresql.replicasExist=true,gateway.frontDoorId=00000000-0000-0000-0000-000000000001"},
	"a second region":      {"--set", "frontDoor.secondaryOrigins[0].name=dr,frontDoor.secondaryOrigins[0].host=dr.phonebill.example"},
	"without Front Door":   {"--set", "frontDoor.enabled=false,gateway.behindFrontDoor=false,firewall.blockedCountries={KP}"},
}

// platform returns the objects of an environment's platform.
func platform(t *testing.T, environment string, args ...string) objects {
	t.Helper()
	return template(t, "azure-platform", append([]string{"-f", "azure-platform/values-" + environment + ".yaml"}, args...)...)
}

// eachPlatform calls f with every environment and every variation of production.
func eachPlatform(t *testing.T, f func(t *testing.T, all objects)) {
	t.Helper()
	for _, environment := range platforms {
		t.Run(environment, func(t *testing.T) { f(t, platform(t, environment)) })
	}
	for name, args := range variations {
		t.Run(name, func(t *testing.T) { f(t, platform(t, "prod", args...)) })
	}
}

func TestPlatformIsLinted(t *testing.T) {
	t.Parallel()
	for _, environment := range platforms {
		if out, err := helm(t, "lint", "--strict", "--kube-version", kubernetes, "azure-platform", "-f", "azure-platform/values-"+environment+".yaml"); err != nil {
			t.Errorf("%s: %v\n%s", environment, err, out)
		}
	}
}

var operatorSchemas struct {
	sync.Mutex

	schemas *schemas
}

// operator returns the strict schemas of Azure Service Operator, which it loads once. The test is
// skipped if the operator's module cannot be downloaded.
func operator(t *testing.T) *schemas {
	t.Helper()
	operatorSchemas.Lock()
	defer operatorSchemas.Unlock()
	if operatorSchemas.schemas != nil {
		return operatorSchemas.schemas
	}
	tools := toolchain.Toolchain{Checkout: repository(t), Console: console.New(io.Discard)}
	folder, err := tools.Definitions(t.Context())
	var unavailable *toolchain.UnavailableError
	if errors.As(err, &unavailable) {
		t.Skipf("NOT VALIDATED against the definitions of Azure Service Operator, which cannot be downloaded: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft4)
	s := &schemas{compiler: compiler, ids: make(map[string]string)}
	s.addDefinitions(t, folder)
	operatorSchemas.schemas = s
	return s
}

func TestPlatformMatchesItsSchemas(t *testing.T) {
	t.Parallel()
	known := operator(t)
	eachPlatform(t, func(t *testing.T, all objects) {
		t.Helper()
		for _, one := range all {
			if err := known.validate(one); err != nil {
				t.Errorf("%s: %v", one, err)
			}
		}
	})
}

// TestOperatorSchemasAreStrict checks that the test above can fail.
func TestOperatorSchemasAreStrict(t *testing.T) {
	t.Parallel()
	known := operator(t)
	const server = "apiVersion: dbforpostgresql.azure.com/v20250801\nkind: FlexibleServer\nmetadata: {name: x}\n"
	for name, text := range map[string]string{
		"an unknown field":           server + "spec: {owner: {name: x}, location: x, hot: true}",
		"an unknown field inside":    server + "spec: {owner: {name: x}, location: x, backup: {days: 3}}",
		"a value out of a list":      server + "spec: {owner: {name: x}, location: x, highAvailability: {mode: Zone}}",
		"a missing field":            server + "spec: {owner: {name: x}}",
		"a version that is not used": "apiVersion: dbforpostgresql.azure.com/v1api20221201\nkind: FlexibleServer\nmetadata: {name: x}\nspec: {owner: {name: x}, location: x}",
	} {
		if err := known.validate(parse(t, text)[0]); err == nil {
			t.Errorf("%s is valid", name)
		}
	}
	if err := known.validate(parse(t, server+"spec: {owner: {name: x}, location: x}")[0]); err != nil {
		t.Error(err)
	}
}

// TestOnlyListedPreviewVersions lists the preview API versions, which Azure may change.
func TestOnlyListedPreviewVersions(t *testing.T) {
	t.Parallel()
	allowed := map[string]bool{
		"insights.azure.com/v1api20210501preview DiagnosticSetting": true, // Azure has no other version
	}
	eachPlatform(t, func(t *testing.T, all objects) {
		t.Helper()
		for _, one := range all {
			if version := one.text("apiVersion"); strings.Contains(version, "preview") && !allowed[version+" "+one.kind()] {
				t.Errorf("%s has the version %s", one, version)
			}
		}
	})
}

// durable are the kinds whose resources survive the deletion of their objects, by mistake or by an
// uninstalled release: they have data, or an address that others know.
var durable = []string{
	"ResourceGroup", "FlexibleServer", "FlexibleServersDatabase", "User", "RedisEnterprise", "RedisEnterpriseDatabase", "Redis", "StorageAccount",
	"Vault", "Registry", "BackupVault", "Workspace", "Component", "Account", "ManagedCluster", "VirtualNetwork", "PublicIPAddress", "ApplicationGateway", "Profile",
}

func TestDeletedObjectsLeaveDataInPlace(t *testing.T) {
	t.Parallel()
	const annotation = "serviceoperator.azure.com/reconcile-policy"
	eachPlatform(t, func(t *testing.T, all objects) {
		t.Helper()
		for _, one := range all {
			policy := one.text("metadata", "annotations", annotation)
			if slices.Contains(durable, one.kind()) && policy != "detach-on-delete" && policy != "skip" {
				t.Errorf("%s has the policy %q", one, policy)
			}
		}
	})
	// The operator does not replay what it must not undo.
	later := platform(t, "prod", variations["later reconciliation"]...)
	for kind, names := range map[string][]string{
		"FlexibleServer":                 {"phonebill-postgresql-recovery", "phonebill-postgresql-reads"},
		"FlexibleServersVirtualEndpoint": {"phonebill-postgresql-primary"},
		"ApplicationGateway":             {"agw-phonebill-prod"},
	} {
		for _, name := range names {
			equal(t, kind+" "+name, later.find(t, kind, name).text("metadata", "annotations", annotation), "skip")
		}
	}
}

// public lists the public endpoints, with the reason of each: the edge, and what Azure Monitor
// receives and answers, for which the operator has no private link scope. Those accept tokens of
// Entra ID only, or the connection string of Application Insights, by which nothing can be read.
var public = map[string]string{
	"PublicIPAddress agw-":    "the gateway, which admits Front Door",
	"PublicIPAddress vnet-":   "outgoing connections of the nodes",
	"AfdEndpoint ":            "clients",
	"DataCollectionEndpoint ": "metrics of the cluster",
	"Workspace ":              "logs",
	"Component ":              "traces",
	"Account ":                "queries of KEDA and the operators",
	"RedisEnterprise ":        "none: this API version has no switch, and Azure closes public access when there is a private endpoint",
}

// closed are the fields that close the public access of a kind.
var closed = map[string]struct {
	path  []any
	value any
}{
	"FlexibleServer":        {[]any{"spec", "network", "publicNetworkAccess"}, "Disabled"},
	"Redis":                 {[]any{"spec", "publicNetworkAccess"}, "Disabled"},
	"StorageAccount":        {[]any{"spec", "publicNetworkAccess"}, "Disabled"},
	"Registry":              {[]any{"spec", "publicNetworkAccess"}, "Disabled"},
	"Vault":                 {[]any{"spec", "properties", "publicNetworkAccess"}, "disabled"},
	"ManagedCluster":        {[]any{"spec", "apiServerAccessProfile", "enablePrivateCluster"}, true},
	"VirtualNetworksSubnet": {[]any{"spec", "defaultOutboundAccess"}, false},
}

// private are the kinds that have no endpoint, or only within that of their owner.
var private = []string{
	"ResourceGroup", "ActionGroup", "UserAssignedIdentity", "NetworkSecurityGroup", "NetworkSecurityGroupsSecurityRule", "VirtualNetwork", "PrivateDnsZone",
	"PrivateDnsZonesVirtualNetworkLink", "VirtualNetworksVirtualNetworkPeering", "WebApplicationFirewallPolicy", "Profile", "BackupVault", "BackupVaultsBackupPolicy",
	"BackupVaultsBackupInstance", "Workbook", "DataCollectionRule", "DataCollectionRuleAssociation", "NatGateway", "RedisEnterpriseDatabase", "RegistryReplication",
	"AfdCustomDomain", "AfdOriginGroup", "AfdOrigin", "RuleSet", "Rule", "Route", "SecurityPolicy", "FlexibleServersDatabase", "FlexibleServersConfiguration",
	"FlexibleServersAdministrator", "FlexibleServersVirtualEndpoint", "User", "PrivateEndpoint", "PrivateEndpointsPrivateDnsZoneGroup", "ApplicationGateway",
	"ManagedClustersAgentPool", "MaintenanceConfiguration", "FederatedIdentityCredential", "RoleAssignment", "PrometheusRuleGroup", "DiagnosticSetting",
}

func TestOnlyTheEdgeIsPublic(t *testing.T) {
	t.Parallel()
	eachPlatform(t, func(t *testing.T, all objects) {
		t.Helper()
		for _, one := range all {
			if field, ok := closed[one.kind()]; ok {
				equal(t, one.String(), one.at(field.path...), field.value)
				continue
			}
			listed := slices.ContainsFunc(slices.Collect(maps.Keys(public)), func(prefix string) bool { return strings.HasPrefix(one.String(), prefix) })
			if !listed && !slices.Contains(private, one.kind()) {
				t.Errorf("%s may have a public endpoint", one)
			}
		}
	})
}

// secret matches what only a credential contains.
var secret = regexp.MustCompile(`(?i)(AccountKey|SharedAccessKey|InstrumentationKey|password|pwd)=|BEGIN [A-Z ]*PRIVATE KEY|hooks\.|sig=`)

// TestPlatformContainsNoSecrets checks that credentials are references to Secrets.
func TestPlatformContainsNoSecrets(t *testing.T) {
	t.Parallel()
	eachPlatform(t, func(t *testing.T, all objects) {
		t.Helper()
		for _, one := range all {
			if one.kind() == "Secret" {
				t.Errorf("%s is a Secret", one)
			}
			visit(map[string]any(one), "", func(path string, value any) {
				text, isText := value.(string)
				if isText && secret.MatchString(text) {
					t.Errorf("%s: %s looks like a credential", one, path)
				}
				if isText && regexp.MustCompile(`(?i)(password|secret|serviceUri)$`).MatchString(path) {
					t.Errorf("%s: %s is no reference", one, path)
				}
			})
		}
	})
}

// visit calls f with every scalar within value and its path.
func visit(value any, path string, f func(path string, value any)) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			visit(inner, path+"."+name, f)
		}
	case []any:
		for _, inner := range v {
			visit(inner, path, f)
		}
	default:
		f(path, v)
	}
}
