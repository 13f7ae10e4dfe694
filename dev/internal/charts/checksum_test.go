package charts

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// callers are the services affected by the policies in a file of resiliency/.
var callers = map[string][]string{
	"kos.yaml":          {"auth-service", "bill-inquiry-service", "product-change-service"},
	"apps.yaml":         {"bill-inquiry-service", "kos-mock-service", "product-change-service"},
	"web-portal.yaml":   {"web-portal"},
	"pubsub.yaml":       {"auth-service", "bill-inquiry-service", "product-change-service"},
	"secret-store.yaml": {"auth-service", "bill-inquiry-service", "kos-mock-service", "product-change-service"},
	"state-stores.yaml": {"auth-service", "bill-inquiry-service", "product-change-service"},
}

// concerned returns the services whose sidecars use a resource.
func concerned(t *testing.T, path string, resource object) []string {
	t.Helper()
	var all []string
	switch resource.kind() {
	case "Configuration":
		all = []string{resource.name()}
	case "Resiliency":
		all = callers[filepath.Base(path)]
	default:
		for _, scope := range resource.list("scopes") {
			all = append(all, scope.(string))
		}
	}
	if len(all) == 0 {
		t.Errorf("%s is not in callers", path)
	}
	return slices.Sorted(slices.Values(all))
}

// copied returns a folder with copies of the charts and of the targets of their links.
func copied(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, folder := range []string{"charts", "components", "resiliency", "dev/ingress", "dev/internal/components"} {
		if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(repository(t).Path(folder))); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// pods returns the pod template of each service in an environment.
func pods(all objects) map[string]object {
	found := make(map[string]object)
	for _, deployment := range all.of("Deployment") {
		if slices.Contains(services, deployment.name()) {
			found[deployment.name()] = deployment.part("spec", "template")
		}
	}
	return found
}

// TestResourceChangeReplacesItsPods changes each Dapr resource separately. A sidecar reads
// its resources at start, so a change must replace exactly the pods that use it.
func TestResourceChangeReplacesItsPods(t *testing.T) {
	t.Parallel()
	for environment, components := range map[string]string{"local": "kubernetes", "prod": "azure"} {
		before := pods(system(t, environment))
		for _, path := range resources(t, components) {
			t.Run(environment+"/"+path, func(t *testing.T) {
				t.Parallel()
				dir := copied(t)
				resource := change(t, filepath.Join(dir, path))
				var rolled []string
				for name, pod := range pods(freshIn(t, filepath.Join(dir, "charts"), "phonebill", arguments(environment)...)) {
					if pod.at("metadata", "annotations", "checksum/dapr") != before[name].at("metadata", "annotations", "checksum/dapr") {
						rolled = append(rolled, name)
					}
				}
				slices.Sort(rolled)
				want := slices.DeleteFunc(concerned(t, path, resource), func(name string) bool { return before[name] == nil })
				equal(t, "rolled by "+path, rolled, want)
			})
		}
	}
}

// resources returns the files of an environment's Dapr resources.
func resources(t *testing.T, components string) []string {
	t.Helper()
	var all []string
	for _, folder := range []string{filepath.Join("components", components), "resiliency"} {
		root := os.DirFS(repository(t).Root)
		err := fs.WalkDir(root, folder, func(path string, _ fs.DirEntry, err error) error {
			if strings.HasSuffix(path, ".yaml") {
				all = append(all, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// change changes a value in a resource, and returns the resource.
func change(t *testing.T, path string) object {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var resource map[string]any
	if err := yaml.Unmarshal(content, &resource); err != nil {
		t.Fatal(err)
	}
	resource["spec"].(map[string]any)["changed"] = true
	if content, err = yaml.Marshal(resource); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return resource
}

// TestCommentsReplaceNoPods changes comments in Dapr resources.
func TestCommentsReplaceNoPods(t *testing.T) {
	t.Parallel()
	dir := copied(t)
	for _, path := range resources(t, "kubernetes") {
		content, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), append([]byte("# Another comment.\n"), content...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "pods", pods(freshIn(t, filepath.Join(dir, "charts"), "phonebill", arguments("local")...)), pods(system(t, "local")))
}

// TestPoliciesAreInTheFileOfTheirTargets: the checksum of a file covers the policies in it.
func TestPoliciesAreInTheFileOfTheirTargets(t *testing.T) {
	t.Parallel()
	for _, resiliency := range system(t, "prod").of("Resiliency") {
		everyText(resiliency.part("spec", "targets"), "", func(path, policy string) {
			group := map[string]string{"timeout": "timeouts", "retry": "retries", "circuitBreaker": "circuitBreakers"}[filepath.Base(path)]
			if resiliency.at("spec", "policies", group, policy) == nil {
				t.Errorf("%s: policy %s of %s is in another file", resiliency, policy, path)
			}
		})
		for name := range resiliency.part("spec", "policies", "retries") {
			if strings.HasPrefix(name, "Dapr") || strings.HasPrefix(name, "Default") {
				t.Errorf("%s: %s applies to every sidecar and is in no checksum", resiliency, name)
			}
		}
	}
}
