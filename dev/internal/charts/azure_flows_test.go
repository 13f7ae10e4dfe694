package charts

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// flows are all connections that production's platform lets through, with the reason of each.
// Connections among pods are in network_test.go.
var flows = map[string]string{
	"Front Door > gateway 443":       "requests of clients",
	"Front Door > gateway 80":        "requests that the gateway redirects to HTTPS",
	"Azure > gateway 65200":          "Azure manages the gateway",
	"Azure probes > gateway 22":      "Azure requires all ports, and the gateway listens only on those of its listeners",
	"Azure probes > gateway 443":     "likewise",
	"Azure probes > gateway 80":      "likewise",
	"Azure probes > gateway 65200":   "likewise",
	"gateway > edge 8080":            "requests to the services",
	"gateway > vault 443":            "its certificate",
	"gateway > registry 443":         "none; the registry's endpoint is in the subnet of the vault's, as in the design",
	"gateway > other pod 8080":       "none; security groups know no pods, and only the policies of its namespace refuse it",
	"gateway > Internet 443":         "Azure requires all outgoing ports of a gateway",
	"gateway > Internet 22":          "likewise",
	"gateway > Internet 5432":        "likewise",
	"gateway > Internet 80":          "likewise",
	"gateway > Internet 123":         "likewise",
	"node > node 10250":              "the API server's tunnel reads logs and metrics",
	"node > vault 443":               "none; nodes and endpoints share a subnet",
	"node > registry 443":            "images",
	"node > edge 8080":               "probes of the kubelet",
	"node > auth-service 8080":       "likewise",
	"node > web-portal 8080":         "likewise",
	"node > other pod 8080":          "likewise",
	"node > PostgreSQL 5432":         "pods have the address of their node outside of the cluster",
	"node > Redis 10000":             "likewise",
	"node > Internet 443":            "Azure's API, images of AKS",
	"node > Internet 123":            "the time",
	"node > Azure DNS 53":            "names",
	"auth-service > PostgreSQL 5432": "its database",
	"auth-service > Redis 10000":     "sessions, events",
	"auth-service > vault 443":       "its secrets",
	"auth-service > registry 443":    "none; the policy lets services connect to port 443 of all addresses",
	"auth-service > Internet 443":    "tokens of Entra ID; KOS for other services",
	"other pod > vault 443":          "none; no policy, but the vault asks for a token with the role",
	"other pod > registry 443":       "likewise",
	"other pod > PostgreSQL 5432":    "none; no policy, but the server asks for a password",
	"other pod > Redis 10000":        "likewise",
	"other pod > Internet 443":       "Dapr, Argo CD, agents of Azure Monitor",
	"other pod > Internet 123":       "none; as nodes",
	"other pod > node 10250":         "metrics of the kubelet",
	"other pod > Azure DNS 53":       "names",
}

// host is an end of a flow: its address or service tags, the subnet whose security group filters
// it, the ports on which it listens, and its pod.
type host struct {
	address string
	tags    []string
	subnet  string
	ports   []int
	pod     *place
	passive bool // a private endpoint, which connects to nothing
}

// hosts returns the ends of flows. Each private endpoint is in the subnet that its object names.
func hosts(t *testing.T, all objects) map[string]host {
	t.Helper()
	pod := func(address string, of place) host {
		return host{address: address, subnet: "application", ports: []int{8080}, pod: &of}
	}
	found := map[string]host{
		"a client":     {tags: []string{"Internet"}},
		"Front Door":   {tags: []string{"Internet", "AzureFrontDoor.Backend"}},
		"Azure":        {tags: []string{"GatewayManager"}},
		"Azure probes": {tags: []string{"AzureLoadBalancer"}},
		"Azure DNS":    {tags: []string{"AzurePlatformDNS"}, ports: []int{53}},
		"Internet":     {address: "203.0.113.7", tags: []string{"Internet"}, ports: []int{22, 80, 123, 443, 5432}},
		"gateway":      {address: "10.0.4.10", subnet: "gateway", ports: []int{22, 80, 443, 65200}},
		"node":         {address: "10.0.1.10", subnet: "application", ports: []int{10250}},
		"edge":         pod("10.244.1.1", edge),
		"auth-service": pod("10.244.1.2", auth),
		"web-portal":   pod("10.244.1.3", portal),
		"other pod":    pod("10.244.1.4", place{namespace: "other"}),
	}
	for name, at := range map[string]struct {
		endpoint string
		last     int
		ports    []int
	}{
		"PostgreSQL": {"pe-phonebill-postgresql", 20, []int{22, 5432}},
		"Redis":      {"pe-phonebill-redis", 21, []int{6379, 10000}},
		"vault":      {"pe-kv-phonebill-prod", 22, []int{443}},
		"registry":   {"pe-phonebillprod", 23, []int{443}},
	} {
		in := all.find(t, "VirtualNetworksSubnet", all.find(t, "PrivateEndpoint", at.endpoint).text("spec", "subnet", "reference", "name"))
		first := netip.MustParsePrefix(in.list("spec", "addressPrefixes")[0].(string)).Addr().As4()
		first[3] = byte(at.last)
		_, subnet, _ := strings.Cut(in.name(), "vnet-phonebill-prod-")
		found[name] = host{address: netip.AddrFrom4(first).String(), subnet: subnet, ports: at.ports, passive: true}
	}
	return found
}

// passes reports whether the security group of the source's subnet (Outbound) or of the
// destination's (Inbound) lets a connection through, by the first rule that matches.
func passes(all objects, direction string, from, to host, port int) bool {
	of := from
	if direction == "Inbound" {
		of = to
	}
	if of.subnet == "" {
		return true
	}
	rules := slices.DeleteFunc(all.of("NetworkSecurityGroupsSecurityRule"), func(rule object) bool {
		return rule.text("spec", "direction") != direction || rule.text("spec", "owner", "name") != "vnet-phonebill-prod-"+of.subnet
	})
	slices.SortFunc(rules, func(a, b object) int {
		return cmp.Compare(a.at("spec", "priority").(int), b.at("spec", "priority").(int))
	})
	for _, rule := range rules {
		if covers(rule, "source", from) && covers(rule, "destination", to) && opens(rule, port) {
			return rule.text("spec", "access") == "Allow"
		}
	}
	return false
}

// covers reports whether an end of a rule includes a host.
func covers(rule object, end string, of host) bool {
	prefixes := rule.list("spec", end+"AddressPrefixes")
	if one := rule.at("spec", end+"AddressPrefix"); one != nil {
		prefixes = []any{one}
	}
	return slices.ContainsFunc(prefixes, func(prefix any) bool {
		text := prefix.(string)
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return text == "*" || slices.Contains(of.tags, text)
		}
		return of.address != "" && network.Contains(netip.MustParseAddr(of.address))
	})
}

// udp are the ports of hosts that are not TCP.
var udp = []int{53, 123}

func opens(rule object, port int) bool {
	protocol := rule.text("spec", "protocol")
	if protocol == "Tcp" && slices.Contains(udp, port) || protocol == "Udp" && !slices.Contains(udp, port) {
		return false
	}
	return slices.ContainsFunc(rule.list("spec", "destinationPortRanges"), func(ports any) bool {
		first, last, ranged := strings.Cut(ports.(string), "-")
		if !ranged {
			return first == "*" || first == strconv.Itoa(port)
		}
		low, _ := strconv.Atoi(first)
		high, _ := strconv.Atoi(last)
		return low <= port && port <= high
	})
}

// reaches reports whether security groups and NetworkPolicies let a connection through. Outside of
// the cluster a pod has the address of its node. The kubelet's probes are subject to no policy.
func reaches(all, policies objects, from, to host, port int) bool {
	c := connection{from: placed(from), to: placed(to), port: port, protocol: "TCP"}
	if slices.Contains(udp, port) {
		c.protocol = "UDP"
	}
	probe := from.pod == nil && from.subnet == "application"
	if from.pod != nil && !lets(policies, out, c.from, c.to, c) || to.pod != nil && !probe && !lets(policies, in, c.to, c.from, c) {
		return false
	}
	if from.pod != nil && to.pod == nil {
		from.address = "10.0.1.10"
	}
	return passes(all, "Outbound", from, to, port) && passes(all, "Inbound", from, to, port)
}

// placed returns a host as an end of NetworkPolicies.
func placed(h host) place {
	if h.pod != nil {
		return *h.pod
	}
	return place{address: cmp.Or(h.address, "203.0.113.8")}
}

// TestFlowsAreThoseOfTheList computes which host reaches which. A flow that is not listed, and a
// listed one that does not pass, are errors.
func TestFlowsAreThoseOfTheList(t *testing.T) {
	t.Parallel()
	all, policies := platform(t, "prod"), system(t, "prod").of("NetworkPolicy")
	known := hosts(t, all)
	got := make(map[string]bool)
	for from, source := range known {
		for to, target := range known {
			if source.passive || source.subnet == "" && target.subnet == "" || source.pod != nil && target.pod != nil || from == to && from != "node" {
				continue
			}
			for _, port := range target.ports {
				if reaches(all, policies, source, target, port) {
					got[fmt.Sprintf("%s > %s %d", from, to, port)] = true
				}
			}
		}
	}
	equal(t, "flows", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(flows)))
	if found := all.of("FlexibleServersFirewallRule"); len(found) > 0 {
		t.Errorf("the server has firewall rules, which only concern its public endpoint: %v", found)
	}
}
