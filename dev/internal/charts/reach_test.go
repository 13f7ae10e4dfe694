package charts

import (
	"fmt"
	"net/netip"
	"slices"
)

// place is something that may be at either end of a connection: a pod, with
// its labels and those of its namespace, or an address outside.
type place struct {
	labels    map[string]string
	namespace string // its name; empty for PhoneBill's own
	address   string // of what is no pod
}

func app(name string) place {
	return place{labels: map[string]string{"app": name, "tier": "application"}}
}

// connection is an attempt of one to reach a port of another.
type connection struct {
	from, to place
	port     int
	protocol string
}

func (c connection) String() string {
	return fmt.Sprintf("%v to %v, %s %d", c.from, c.to, c.protocol, c.port)
}

// reach is what a policy says of one way of a connection.
type reach struct{ kind, list, peers string }

var (
	out = reach{"Egress", "egress", "to"}
	in  = reach{"Ingress", "ingress", "from"}
)

// allowed tells whether the policies let a connection through: out of the one
// and into the other, where either is a pod of ours.
func allowed(policies objects, c connection) bool {
	return lets(policies, out, c.from, c.to, c) && lets(policies, in, c.to, c.from, c)
}

// lets tells whether the policies of a pod let it have a connection with a peer.
func lets(policies objects, way reach, pod, peer place, c connection) bool {
	if pod.namespace != "" || pod.address != "" {
		return true // not ours to say
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

// selects tells whether a label selector selects; an absent or empty one
// selects all.
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
