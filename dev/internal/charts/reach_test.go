package charts

import (
	"fmt"
	"net/netip"
	"slices"
)

// place is an end of a connection: a pod with its labels and those of its namespace, or an external
// address.
type place struct {
	labels    map[string]string
	namespace string // empty for PhoneBill's own
	address   string // empty for a pod
}

func app(name string) place {
	return place{labels: map[string]string{"app": name, "tier": "application"}}
}

// connection is a connection to a port of another place.
type connection struct {
	from, to place
	port     int
	protocol string
}

func (c connection) String() string {
	return fmt.Sprintf("%v to %v, %s %d", c.from, c.to, c.protocol, c.port)
}

// reach is a direction of a network policy.
type reach struct{ kind, list, peers string }

var (
	out = reach{"Egress", "egress", "to"}
	in  = reach{"Ingress", "ingress", "from"}
)

// allowed reports whether the policies allow a connection: egress of one end and ingress of the
// other, if they are our pods.
func allowed(policies objects, c connection) bool {
	return lets(policies, out, c.from, c.to, c) && lets(policies, in, c.to, c.from, c)
}

// lets reports whether the policies of a pod allow a connection with a peer.
func lets(policies objects, way reach, pod, peer place, c connection) bool {
	if pod.namespace != "" || pod.address != "" {
		return true // not one of our pods
	}
	isolated := false
	for _, policy := range policies {
		if !selects(policy.at("spec", "podSelector"), pod.labels) || !slices.Contains(policy.list("spec", "policyTypes"), any(way.kind)) {
			continue
		}
		isolated = true
		for _, rule := range policy.list("spec", way.list) {
			if matches(rule, way, peer, c) {
				return true
			}
		}
	}
	return !isolated
}

func matches(rule any, way reach, peer place, c connection) bool {
	peers, _ := at(rule, way.peers).([]any)
	ports, _ := at(rule, "ports").([]any)
	return slices.ContainsFunc(peers, func(p any) bool { return isPeer(p, peer) }) &&
		slices.ContainsFunc(ports, func(p any) bool { return at(p, "port") == c.port && at(p, "protocol") == c.protocol })
}

func isPeer(peer any, who place) bool {
	if block := at(peer, "ipBlock"); block != nil {
		return who.address != "" && within(block, who.address)
	}
	if who.address != "" {
		return false
	}
	namespace := map[string]string{"kubernetes.io/metadata.name": who.namespace}
	if selector := at(peer, "namespaceSelector"); selector == nil && who.namespace != "" || selector != nil && !selects(selector, namespace) {
		return false
	}
	return selects(at(peer, "podSelector"), who.labels)
}

func within(block any, address string) bool {
	ip := netip.MustParseAddr(address)
	contains := func(cidr any) bool { return netip.MustParsePrefix(fmt.Sprint(cidr)).Contains(ip) }
	except, _ := at(block, "except").([]any)
	return contains(at(block, "cidr")) && !slices.ContainsFunc(except, contains)
}

// selects reports whether a label selector matches; an absent or empty one matches all.
func selects(selector any, labels map[string]string) bool {
	wanted, _ := at(selector, "matchLabels").(map[string]any)
	for name, value := range wanted {
		if labels[name] != value {
			return false
		}
	}
	expressions, _ := at(selector, "matchExpressions").([]any)
	for _, expression := range expressions {
		name, _ := at(expression, "key").(string)
		values, _ := at(expression, "values").([]any)
		if at(expression, "operator") != "In" || !slices.Contains(values, any(labels[name])) {
			return false
		}
	}
	return true
}
