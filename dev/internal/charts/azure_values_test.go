package charts

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// TestContradictionsAreRefused gives production's platform values that contradict others.
func TestContradictionsAreRefused(t *testing.T) {
	t.Parallel()
	for values, reason := range map[string]string{
		"network.subnets.cache.cidr=0.1.0.0/24":        "network.subnets.cache (10.1.0.0/24) is outside of network.addressSpace (10.0.0.0/16)",
		"network.addressSpace=10.0.0.0/22":             "network.subnets.gateway (10.0.4.0/24) is outside of network.addressSpace (10.0.0.0/22)",
		"network.subnets.cache.cidr=0.0.2.0/25":        "overlaps network.subnets",
		"network.podCidr=10.0.128.0/17":                "network.podCidr (10.0.128.0/17) is inside network.addressSpace",
		"network.serviceCidr=10.244.7.0/24":            "network.serviceCidr (10.244.7.0/24) overlaps network.podCidr (10.244.0.0/16)",
		"network.podCidr=10.244.0.0/21":                "network.podCidr (10.244.0.0/21) has blocks for 8 nodes, fewer than the maximum of 15",
		"cluster.application.max=200":                  "network.subnets.application (10.0.1.0/24) has 256 addresses; 205 nodes, their surge and the endpoints need 287",
		"network.databaseDelegation=x":                 "a delegated subnet cannot hold private endpoints",
		"cluster.application.version=1.30":             "cluster.application.version (1.30) is more than three versions behind the control plane (1.34)",
		"cluster.system.version=1.35":                  "cluster.system.version (1.35) is newer than the control plane (1.34)",
		"cluster.application.count=11":                 "cluster.application.count (11) is not between min (3) and max (10)",
		"cluster.dnsServiceIP=0.1.0.10":                "cluster.dnsServiceIP (10.246.0.10) is outside of network.serviceCidr",
		"zones=[]":                                     "postgresql.highAvailability ZoneRedundant needs two zones, and zones has 0",
		"postgresql.tier=Burstable":                    "postgresql.tier Burstable has neither high availability nor replicas",
		"postgresql.replicas[0].size=Standard_D2s_v3":  "could not replace a server of size Standard_D4s_v3",
		"postgresql.replicas[0].location=koreacentral": "for recovery is in the server's region koreacentral",
		"postgresql.replicas[1].purpose=recovery":      "could not replace a server",
		"postgresql.replicas[0].purpose=reads":         "postgresql.virtualEndpoint needs one replica for recovery, and there are 0",
		"redis.managed.geoReplicas={/subscriptions/x}": "an instance cannot have both persistence and geoReplicas",
		"redis.product=premium":                        "redis.premium.persistence needs redis.premium.storage",
		"registry.sku=Standard":                        "registry.sku Standard has no private endpoint and no replicas",
		"gateway.sku=Standard_v2":                      "gateway.sku Standard_v2 has no web application firewall",
		"frontDoor.sku=Standard_AzureFrontDoor":        "has no managed firewall rules",
		"gateway.behindFrontDoor=false":                "frontDoor.enabled needs gateway.behindFrontDoor",
		"gateway.privateIP=0.0.5.10":                   "gateway.privateIP (10.0.5.10) is outside of network.subnets.gateway (10.0.4.0/24)",
		"cluster.kubernetesVersion=latest":             "/cluster/kubernetesVersion",
		"subscription=x":                               "/subscription",
		"network.subnets.extra.cidr=0.0.9.0/24":        "/network/subnets",
		"vault.sku=Premium":                            "/vault/sku",
	} {
		t.Run(values, func(t *testing.T) {
			set := "--set"
			if strings.HasSuffix(values, "[]") {
				set = "--set-json"
			}
			args := []string{"template", "x", "azure-platform", "--kube-version", kubernetes, "-f", "azure-platform/values-prod.yaml", set, values}
			if _, err := helm(t, args...); err == nil || !strings.Contains(err.Error(), reason) {
				t.Errorf("%s: got %v, want %q", values, err, reason)
			}
		})
	}
}

// TestOneValueMovesThePlatform changes the region, the address space and the version of Kubernetes
// by one value each. Nothing of the previous value may be left.
func TestOneValueMovesThePlatform(t *testing.T) {
	t.Parallel()
	for _, change := range []struct{ key, from, to string }{
		{"region", "koreacentral", "japaneast"},
		{"network.addressSpace", "10.0.", "10.77."},
		{"cluster.kubernetesVersion", "1.34", "1.33"},
	} {
		t.Run(change.key, func(t *testing.T) {
			value := change.to
			if change.key == "network.addressSpace" {
				value += "0.0/16"
			}
			all := platform(t, "prod", "--set-string", change.key+"="+value)
			known := operator(t)
			replaced := 0
			for _, one := range all {
				if err := known.validate(one); err != nil {
					t.Errorf("%s: %v", one, err)
				}
				visit(map[string]any(one), "", func(path string, value any) {
					text := fmt.Sprint(value)
					if strings.HasPrefix(text, change.from) {
						t.Errorf("%s: %s is still %s", one, path, text)
					}
					if strings.HasPrefix(text, change.to) {
						replaced++
					}
				})
			}
			if replaced == 0 {
				t.Errorf("nothing is %s", change.to)
			}
			for _, subnet := range all.of("VirtualNetworksSubnet") {
				space := netip.MustParsePrefix(all.of("VirtualNetwork")[0].list("spec", "addressSpace", "addressPrefixes")[0].(string))
				if inner := netip.MustParsePrefix(subnet.list("spec", "addressPrefixes")[0].(string)); !space.Contains(inner.Addr()) {
					t.Errorf("%s is outside of %s", inner, space)
				}
			}
		})
	}
}

// TestPlatformMatchesTheComponents compares names and hosts of production with those that the
// services' components and values use.
func TestPlatformMatchesTheComponents(t *testing.T) {
	t.Parallel()
	all := platform(t, "prod")
	components := system(t, "prod")
	metadata := func(component, name string) string {
		for _, entry := range components.find(t, "Component", component).list("spec", "metadata") {
			if at(entry, "name") == name {
				return fmt.Sprint(at(entry, "value"))
			}
		}
		return ""
	}
	region := all.of("VirtualNetwork")[0].text("spec", "location")
	for component, kind := range map[string]string{"session-store": "phonebill-redis", "pubsub": "phonebill-redis", "cache-store": "phonebill-cache"} {
		port := all.find(t, "RedisEnterpriseDatabase", kind).at("spec", "port")
		equal(t, component, metadata(component, "redisHost"), fmt.Sprintf("%s.%s.redis.azure.net:%v", kind, region, port))
	}
	equal(t, "the vault", metadata("secret-store", "vaultName"), all.of("Vault")[0].name())
	deployment := components.find(t, "Deployment", "auth-service").part("spec", "template", "spec")
	image := fmt.Sprint(deployment.at("containers", 0, "image"))
	if registry := all.of("Registry")[0].name() + ".azurecr.io/"; !strings.HasPrefix(image, registry) {
		t.Errorf("the image %s is not of the registry %s", image, registry)
	}
	host := environment(deployment.part("containers", 0))["DB_HOST"]
	equal(t, "the server", host, all.find(t, "FlexibleServer", "phonebill-postgresql").name()+".postgres.database.azure.com")
	for _, service := range []string{"auth-service", "bill-inquiry-service", "product-change-service"} {
		account := components.find(t, "Deployment", service).text("spec", "template", "spec", "serviceAccountName")
		equal(t, service, all.find(t, "FederatedIdentityCredential", "id-phonebill-prod-"+service).text("spec", "subject"), "system:serviceaccount:phonebill:"+account)
	}
}
