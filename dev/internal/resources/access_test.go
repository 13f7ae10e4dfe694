package resources

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// portal shows customers what the services answer, with the customers' tokens. It has no breakers, so its
// paths may contain ids.
const portal = "web-portal"

// calls are the calls through sidecars, by callee and caller. Apps that are not listed are not
// called. The portal does not name a line, but a policy for a path includes the paths below it.
var calls = map[string]map[string][]string{
	"auth-service": {
		"bill-inquiry-service":   {"GET /.well-known/jwks.json"},
		"product-change-service": {"GET /.well-known/jwks.json"},
		mock:                     {"POST /internal/registrations/check"},
		portal: {
			"POST /api/v1/auth/login", "POST /api/v1/auth/refresh", "POST /api/v1/auth/logout", "POST /api/v1/auth/register",
			"POST /api/v1/auth/change-password", "GET /api/v1/auth/user-info", "GET /api/v1/auth/sessions",
			"DELETE /api/v1/auth/sessions/{sessionId}", "GET /api/v1/auth/login-history",
			"GET /api/v1/users", "GET /api/v1/users/{userId}", "POST /api/v1/users/{userId}/suspend", "POST /api/v1/users/{userId}/reinstate",
			"POST /api/v1/users/{userId}/permissions/{code}/grant", "DELETE /api/v1/users/{userId}/permissions/{code}",
			"POST /api/v1/auth/unlock/{userId}", "GET /api/v1/auth/audit",
		},
	},
	"bill-inquiry-service": {portal: {
		"GET /api/v1/bills/menu", "POST /api/v1/bills/inquiry", "GET /api/v1/bills/inquiry/{requestId}", "GET /api/v1/bills/history",
	}},
	"product-change-service": {portal: {
		"GET /api/v1/products/customer", "GET /api/v1/products/customer/{lineNumber}", "GET /api/v1/products/available", "POST /api/v1/products/change/validation",
		"POST /api/v1/products/change", "GET /api/v1/products/change/{requestId}", "GET /api/v1/products/history",
	}},
	mock: {
		"auth-service":         {"POST /api/kos/auth", "POST /api/kos/product-inquiry"},
		"bill-inquiry-service": {"POST /api/kos/auth", "POST /api/kos/bill-inquiry", "POST /api/kos/product-inquiry"},
		"product-change-service": {
			"POST /api/kos/auth", "POST /api/kos/product-inquiry", "GET /api/kos/products",
			"POST /api/kos/product-change", "POST /api/kos/product-change-status",
		},
	},
}

// namespaces are the namespaces of an environment's apps before the chart replaces them.
var namespaces = map[string]string{"kubernetes": "phonebill", "azure": "phonebill-prod"}

// TestCallersHaveExactlyTheNeededAccess applies the policies to all operations of the callee's contract.
func TestCallersHaveExactlyTheNeededAccess(t *testing.T) {
	t.Parallel()
	for environment, namespace := range namespaces {
		for _, configuration := range load(t, "components", environment, "configurations") {
			app, access := configuration.Metadata.Name, configuration.Spec.AccessControl
			if access.DefaultAction != "deny" || access.TrustDomain != "public" {
				t.Errorf("%s: %s does not deny by default: %+v", environment, app, access)
			}
			got := make(map[string][]string)
			for _, policy := range access.Policies {
				if policy.DefaultAction != "deny" || policy.TrustDomain != "public" || policy.Namespace != namespace {
					t.Errorf("%s: policy of %s for %s: %+v", environment, app, policy.AppID, policy)
				}
				checkNames(t, policy.Operations)
				got[policy.AppID] = allowed(operationsOf(t, app), policy.Operations)
			}
			want := make(map[string][]string)
			for caller, operations := range calls[app] {
				if environment != "azure" || caller != mock {
					want[caller] = slices.Sorted(slices.Values(operations))
				}
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("%s: calls of %s (-want +got):\n%s", environment, app, diff)
			}
		}
	}
}

// checkNames checks that operations are allowed, and that the order in which Dapr searches them does not
// matter: it takes the first name that is the path or begins it, and denies the call if that name does not
// have the verb. Wildcards within a path match nothing.
func checkNames(t *testing.T, operations []operation) {
	t.Helper()
	for i, o := range operations {
		if o.Action != "allow" || len(o.HTTPVerb) == 0 || strings.Contains(stem(o.Name), "*") {
			t.Errorf("want an allowed path, possibly with a wildcard at its end: %+v", o)
		}
		for j, other := range operations {
			if i != j && (o.matches(stem(other.Name)) || strings.HasPrefix(stem(other.Name), stem(o.Name)+"/")) {
				t.Errorf("%s hides %s", o.Name, other.Name)
			}
		}
	}
}

// stem returns the name of an operation without its wildcard.
func stem(name string) string { return strings.TrimSuffix(strings.TrimSuffix(name, "/**"), "/*") }

// matches reports whether Dapr finds the operation for a path. A name without wildcard also matches all
// paths below it.
func (o operation) matches(path string) bool {
	rest, below := strings.CutPrefix(path, stem(o.Name)+"/")
	if strings.HasSuffix(o.Name, "/*") {
		below = below && !strings.Contains(rest, "/")
	}
	return below || path == stem(o.Name)
}

// allowed returns those of a callee's operations that a policy allows, sorted.
func allowed(offered []string, policy []operation) []string {
	var all []string
	for _, call := range offered {
		verb, path, _ := strings.Cut(call, " ")
		if slices.ContainsFunc(policy, func(o operation) bool { return slices.Contains(o.HTTPVerb, verb) && o.matches(path) }) {
			all = append(all, call)
		}
	}
	slices.Sort(all)
	return all
}

// TestCallsMatchTheContracts compares the table with the callees' OpenAPI documents: every
// call exists, and every KOS endpoint and internal route is called.
func TestCallsMatchTheContracts(t *testing.T) {
	t.Parallel()
	for app, callers := range calls {
		offered := operationsOf(t, app)
		called := make(map[string]bool)
		for caller, operations := range callers {
			for _, o := range operations {
				called[o] = true
				if !slices.Contains(offered, o) {
					t.Errorf("%s calls %q, which %s does not have", caller, o, app)
				}
			}
		}
		for _, o := range offered {
			_, path, _ := strings.Cut(o, " ")
			internal := strings.HasPrefix(path, "/api/kos/") || strings.HasPrefix(path, "/internal/") || strings.HasPrefix(path, "/.well-known/")
			if internal && !called[o] && !strings.Contains(path, "/admin/") {
				t.Errorf("%q of %s is never called", o, app)
			}
		}
	}
}

// operationsOf returns the operations in an app's contract: "GET /path".
func operationsOf(t *testing.T, app string) []string {
	t.Helper()
	content, err := os.ReadFile(repository(t).Path("apps", app, "api", "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var document struct{ Paths map[string]map[string]any }
	if err := yaml.Unmarshal(content, &document); err != nil {
		t.Fatal(err)
	}
	var all []string
	for path, item := range document.Paths {
		for verb := range item {
			all = append(all, fmt.Sprintf("%s %s", strings.ToUpper(verb), path))
		}
	}
	return all
}
