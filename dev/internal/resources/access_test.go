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

// calls are the calls through sidecars, by callee and caller. Apps that are not listed are not
// called.
var calls = map[string]map[string][]string{
	"auth-service": {
		"bill-inquiry-service":   {"GET /.well-known/jwks.json"},
		"product-change-service": {"GET /.well-known/jwks.json"},
		mock:                     {"POST /internal/registrations/check"},
	},
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
				got[policy.AppID] = allowed(t, policy.Operations)
			}
			want := make(map[string][]string)
			for caller, operations := range calls[app] {
				if environment != "azure" || caller != mock {
					want[caller] = operations
				}
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("%s: calls of %s (-want +got):\n%s", environment, app, diff)
			}
		}
	}
}

func allowed(t *testing.T, operations []operation) []string {
	t.Helper()
	var all []string
	for _, o := range operations {
		if o.Action != "allow" || len(o.HTTPVerb) != 1 || strings.Contains(o.Name, "*") {
			t.Errorf("want a single operation: %+v", o)
			continue
		}
		all = append(all, o.HTTPVerb[0]+" "+o.Name)
	}
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
