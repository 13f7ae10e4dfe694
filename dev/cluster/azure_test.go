package cluster

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/toolchain"
)

// TestPlatformIsAdmitted installs the definitions of Azure Service Operator, without the operator,
// and has the API server admit every object of production's platform: first in a dry run.
func TestPlatformIsAdmitted(t *testing.T) {
	if _, err := kubectl(t.Context(), "get", "customresourcedefinition", "resourcegroups.resources.azure.com"); err == nil {
		t.Skip("the cluster has Azure Service Operator, which would create the resources")
	}
	definitions := operatorDefinitions(t)
	last := context.WithoutCancel(t.Context())
	t.Cleanup(func() {
		// With the definitions go the objects.
		if _, err := kubectl(last, "delete", "--ignore-not-found", "--filename", definitions); err != nil {
			t.Error(err)
		}
	})
	mustKubectl(t, "apply", "--server-side", "--filename", definitions)
	mustKubectl(t, "wait", "--for", "condition=Established", "--timeout", "120s", "--filename", definitions)
	// Without a version, a Helm that is built from its module assumes Kubernetes 1.20.
	version := mustKubectl(t, "get", "nodes", "--output", "jsonpath={.items[0].status.nodeInfo.kubeletVersion}")
	platform, err := command(t.Context(), "", "helm", "template", "platform", live.checkout.Path("charts", "azure-platform"),
		"--kube-version", version, "--namespace", live.namespace, "--values", live.checkout.Path("charts", "azure-platform", "values-prod.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Count(platform, "\napiVersion: ")
	for _, mode := range []string{"--dry-run=server", "--dry-run=none"} {
		out, err := command(t.Context(), platform, "kubectl", "apply", "--server-side", mode, "--validate=strict", "--filename", "-")
		if err != nil {
			t.Fatalf("%s: %v", mode, err)
		}
		if got := strings.Count(out, "serverside-applied"); got != want {
			t.Errorf("%s: %d of %d objects are admitted:\n%s", mode, got, want, out)
		}
	}
}

// operatorDefinitions returns the folder of the definitions. The test is skipped if they cannot be
// had.
func operatorDefinitions(t *testing.T) string {
	t.Helper()
	tools := toolchain.Toolchain{Checkout: live.checkout, Console: console.New(io.Discard)}
	folder, err := tools.Definitions(t.Context())
	var unavailable *toolchain.UnavailableError
	if errors.As(err, &unavailable) {
		t.Skipf("NOT ADMITTED: the definitions of Azure Service Operator cannot be downloaded: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return folder
}
