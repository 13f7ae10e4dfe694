package charts

import (
	"fmt"
	"slices"
	"testing"
)

var (
	edge                         = place{labels: map[string]string{"app": "edge"}}
	auth, bill, product, kosMock = app("auth-service"), app("bill-inquiry-service"), app("product-change-service"), app("kos-mock-service")
	portal                       = app("web-portal")
	authJob                      = app("auth-service-migrate")
	stranger                     = place{labels: map[string]string{"app": "stranger"}}
	dns                          = place{labels: map[string]string{"k8s-app": "kube-dns"}, namespace: "kube-system"}
	controlPlane                 = place{namespace: "dapr-system"}
	anywhere                     = place{address: "203.0.113.7"}
)

func tcp(from, to place, port int) connection { return connection{from, to, port, "TCP"} }

// ways are the peers that differ by environment.
type ways struct{ ingress, monitoring, tracing, database, stores, caches, other place }

var surroundings = map[string]ways{
	"local": {
		ingress: place{namespace: "ingress-nginx"}, database: place{labels: map[string]string{"app": "postgresql"}},
		stores: place{labels: map[string]string{"app": "redis"}}, caches: place{labels: map[string]string{"app": "redis-cache"}},
	},
	"dev": {
		ingress: place{namespace: "ingress-nginx"}, monitoring: place{namespace: "monitoring"},
		database: place{labels: map[string]string{"app": "postgresql"}}, stores: place{labels: map[string]string{"app": "redis"}},
		caches: place{labels: map[string]string{"app": "redis-cache"}},
	},
	"prod": {
		ingress: place{address: "10.0.4.10"}, monitoring: place{namespace: "kube-system", labels: map[string]string{"rsName": "ama-metrics"}},
		tracing:  place{labels: map[string]string{"app": "otel-collector"}},
		database: place{address: "10.0.2.4"}, stores: place{address: "10.0.3.4"}, caches: place{address: "10.0.3.5"}, other: anywhere,
	},
}

// needed returns the connections that an environment needs. They cover every rule.
func needed(environment string) []connection {
	here := surroundings[environment]
	storePort, asks := 6379, []place{auth, bill, product}
	apiPort := map[string]int{"local": 6443, "dev": 443}[environment]
	all := []place{auth, bill, product}
	if environment == "prod" {
		storePort = 10000
	} else {
		all = append(all, kosMock)
	}
	found := []connection{tcp(here.ingress, edge, 8080), {edge, dns, 53, "UDP"}, tcp(edge, dns, 53)}
	for _, app := range append(all, portal) {
		found = append(found, connection{app, dns, 53, "UDP"}, tcp(app, dns, 53), tcp(edge, app, 8080))
		for _, port := range []int{50001, 6500, 50005, 50006} {
			found = append(found, tcp(app, controlPlane, port))
		}
		if here.tracing.labels != nil {
			found = append(found, tcp(app, here.tracing, 4317))
		}
		if here.monitoring.namespace != "" {
			found = append(found, tcp(here.monitoring, app, 8080), tcp(here.monitoring, app, 9090))
		}
	}
	if here.tracing.labels != nil {
		found = append(found, connection{here.tracing, dns, 53, "UDP"}, tcp(here.tracing, dns, 53), tcp(here.tracing, here.other, 443))
	}
	for _, app := range all {
		found = append(found, tcp(app, here.database, 5432))
		if apiPort != 0 {
			found = append(found, tcp(app, anywhere, apiPort))
		}
		if here.other.address != "" {
			found = append(found, tcp(app, here.other, 443))
		}
	}
	for _, app := range asks {
		found = append(found, tcp(portal, app, 50002))
		found = append(found, tcp(app, here.stores, storePort))
		if environment != "prod" {
			found = append(found, tcp(app, kosMock, 50002))
		}
	}
	found = append(found, tcp(bill, here.caches, storePort), tcp(product, here.caches, storePort))
	found = append(found, tcp(bill, auth, 50002), tcp(product, auth, 50002), tcp(authJob, here.database, 5432))
	if environment != "prod" {
		found = append(found, tcp(kosMock, auth, 50002))
	}
	return found
}

func TestPoliciesAllowNeededConnections(t *testing.T) {
	t.Parallel()
	for _, environment := range environments {
		policies := system(t, environment).of("NetworkPolicy")
		for _, c := range needed(environment) {
			if !allowed(policies, c) {
				t.Errorf("%s: not let through: %s", environment, c)
			}
		}
	}
}

func TestPoliciesDenyOtherConnections(t *testing.T) {
	t.Parallel()
	for _, environment := range environments {
		policies, here := system(t, environment).of("NetworkPolicy"), surroundings[environment]
		for _, c := range []connection{
			tcp(stranger, auth, 50002), tcp(stranger, auth, 8080), tcp(auth, stranger, 8080), tcp(stranger, anywhere, 443),
			tcp(stranger, here.database, 5432), tcp(stranger, here.stores, 6379), tcp(stranger, here.caches, 6379), {stranger, dns, 53, "UDP"},
			tcp(bill, auth, 8080), tcp(auth, bill, 50002), tcp(auth, portal, 50002), tcp(portal, kosMock, 50002), tcp(portal, here.database, 5432),
			tcp(portal, here.stores, 6379), tcp(portal, anywhere, 443), tcp(bill, product, 50002), tcp(bill, auth, 3500), tcp(auth, anywhere, 80),
			tcp(anywhere, auth, 8080), tcp(anywhere, edge, 8080), tcp(stranger, edge, 8080), tcp(auth, edge, 8080), tcp(here.ingress, edge, 8081),
			tcp(edge, auth, 50002), tcp(edge, auth, 9090), tcp(edge, authJob, 8080), tcp(edge, stranger, 8080), tcp(edge, anywhere, 443),
			tcp(edge, here.database, 5432), tcp(edge, here.stores, 6379), tcp(edge, controlPlane, 50001),
			tcp(here.ingress, auth, 8080), tcp(here.ingress, auth, 50002), tcp(here.ingress, auth, 9090), tcp(auth, here.database, 22),
			tcp(auth, controlPlane, 443), tcp(place{namespace: "elsewhere"}, auth, 8080), tcp(auth, place{namespace: "elsewhere"}, 50002),
			tcp(app("x"), auth, 50002), tcp(bill, place{namespace: "kube-system"}, 53),
		} {
			t.Run(c.String(), func(t *testing.T) {
				// Outside of the namespace, our policies do not apply.
				if ours := lets(nil, in, stranger, c.from, c); ours && allowed(policies, c) {
					t.Errorf("%s: let through: %s", environment, c)
				}
			})
		}
	}
	if allowed(system(t, "prod").of("NetworkPolicy"), tcp(auth, place{address: "169.254.169.254"}, 443)) {
		t.Error("pods reach their node's metadata service")
	}
}

// TestNoRuleIsSuperfluous removes each port of each rule in turn: a needed connection must fail
// then.
func TestNoRuleIsSuperfluous(t *testing.T) {
	t.Parallel()
	for _, environment := range environments {
		policies := fresh(t, "phonebill", arguments(environment)...).of("NetworkPolicy")
		for _, policy := range policies {
			for _, way := range []reach{in, out} {
				for number, rule := range policy.list("spec", way.list) {
					ports, _ := at(rule, "ports").([]any)
					for i, port := range ports {
						rule.(map[string]any)["ports"] = slices.Delete(slices.Clone(ports), i, i+1)
						if !slices.ContainsFunc(needed(environment), func(c connection) bool { return !allowed(policies, c) }) {
							t.Errorf("%s: superfluous: %s, %s rule %d, port %v", environment, policy, way.list, number, port)
						}
					}
					rule.(map[string]any)["ports"] = ports
				}
			}
		}
	}
}

func TestEverythingIsDeniedByDefault(t *testing.T) {
	t.Parallel()
	for _, environment := range environments {
		policy := system(t, environment).find(t, "NetworkPolicy", "deny-by-default")
		equal(t, environment, policy.at("spec"), any(map[string]any{"podSelector": map[string]any{}, "policyTypes": []any{"Ingress", "Egress"}}))
		for _, workload := range system(t, environment).workloads() {
			labels, _ := workload.at("spec", "template", "metadata", "labels").(map[string]any)
			pod := place{labels: make(map[string]string)}
			for name, value := range labels {
				pod.labels[name] = fmt.Sprint(value)
			}
			own := slices.ContainsFunc(system(t, environment).of("NetworkPolicy"), func(policy object) bool {
				return policy.name() != "deny-by-default" && selects(policy.at("spec", "podSelector"), pod.labels)
			})
			if !own {
				t.Errorf("%s: no policy for %s", environment, workload)
			}
		}
	}
}
