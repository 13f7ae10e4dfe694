package charts

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/phonebill/phonebill/dev/internal/issuer"
)

// daprFiles are the values of Dapr's chart by environment.
var daprFiles = map[string][]string{
	"local": {"dapr/values.yaml"}, "dev": {"dapr/values.yaml"}, "prod": {"dapr/values.yaml", "dapr/values-prod.yaml"},
}

// daprChart returns the folder of Dapr's chart in its pinned module.
func daprChart(t *testing.T) string {
	t.Helper()
	return filepath.Join(sources(t, "daprd", "github.com/dapr/dapr"), "charts", "dapr")
}

// dapr returns Dapr's objects in an environment, with further values files.
func dapr(t *testing.T, environment string, files ...string) objects {
	t.Helper()
	args := []string{"--namespace", controlPlane.namespace}
	for _, file := range slices.Concat(daprFiles[environment], files) {
		args = append(args, "-f", file)
	}
	return template(t, daprChart(t), args...)
}

func TestDaprObjectsMatchTheirSchemas(t *testing.T) {
	t.Parallel()
	for environment := range daprFiles {
		for _, one := range dapr(t, environment) {
			if err := load(t).validate(one); err != nil {
				t.Errorf("%s: %s: %v", environment, one, err)
			}
		}
	}
}

// TestDaprValuesExistInItsChart: Helm ignores values that a chart does not use.
func TestDaprValuesExistInItsChart(t *testing.T) {
	t.Parallel()
	chart := daprChart(t)
	known := values(t, filepath.Join(chart, "values.yaml"))
	parts, err := os.ReadDir(filepath.Join(chart, "charts"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		known[part.Name()] = map[string]any(values(t, filepath.Join(chart, "charts", part.Name(), "values.yaml")))
	}
	for _, file := range daprFiles["prod"] {
		for _, path := range unknownValues(values(t, repository(t).Path("charts", file)), known, "") {
			t.Errorf("%s: Dapr's chart has no value %s", file, path)
		}
	}
	for _, path := range unknownValues(values(t, issuerFile(t)), known, "") {
		t.Errorf("make dapr-issuer: Dapr's chart has no value %s", path)
	}
	typo := map[string]any{"global": map[string]any{"schedular": map[string]any{"enabled": false}}, "dapr_operator": map[string]any{"resources": map[string]any{"any": 1}}}
	equal(t, "unknown values", unknownValues(typo, known, ""), []string{"global.schedular"})
}

func values(t *testing.T, file string) object {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var parsed map[string]any
	if err := yaml.Unmarshal(content, &parsed); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return parsed
}

// unknownValues returns the paths of values that are not among the known ones. An empty map is
// known to have any content.
func unknownValues(given, known map[string]any, prefix string) []string {
	var paths []string
	for name, value := range given {
		other, exists := known[name]
		if !exists {
			paths = append(paths, prefix+name)
			continue
		}
		inside, nested := value.(map[string]any)
		if options, _ := other.(map[string]any); nested && len(options) > 0 {
			paths = append(paths, unknownValues(inside, options, prefix+name+".")...)
		}
	}
	return paths
}

func TestDaprIsPinned(t *testing.T) {
	t.Parallel()
	version, err := repository(t).ToolVersion(t.Context(), "daprd", "github.com/dapr/dapr")
	if err != nil {
		t.Fatal(err)
	}
	for environment := range daprFiles {
		for _, w := range dapr(t, environment).workloads() {
			for _, container := range w.containers() {
				if image := container.text("image"); !strings.HasSuffix(image, ":"+version) {
					t.Errorf("%s: %s has the image %s, not of %s", environment, w, image, version)
				}
			}
		}
	}
	for _, file := range []string{"charts/dapr/README.md", "charts/README.md"} {
		content, err := os.ReadFile(repository(t).Path(filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(content), version) {
			t.Errorf("%s does not mention Dapr %s", file, version)
		}
	}
}

// TestPodsAreRefusedWithoutTheInjector, in namespaces that ask for it, and only there: the injector
// itself must be able to start.
func TestPodsAreRefusedWithoutTheInjector(t *testing.T) {
	t.Parallel()
	for environment := range daprFiles {
		all := dapr(t, environment)
		webhook := all.find(t, "MutatingWebhookConfiguration", "dapr-sidecar-injector").part("webhooks", 0)
		if webhook.text("failurePolicy") != "Fail" {
			t.Errorf("%s: the injector's failures are %q", environment, webhook.text("failurePolicy"))
		}
		equal(t, environment+": namespaces", webhook.at("namespaceSelector"), any(map[string]any{"matchLabels": map[string]any{"dapr.io/injection": "enabled"}}))
		operator := all.find(t, "Deployment", "dapr-operator").list("spec", "template", "spec", "containers", 0, "args")
		if i := slices.Index(operator, "--watch-interval"); i < 0 || operator[i+1] != "1m" {
			t.Errorf("%s: the operator's watchdog is off: %v", environment, operator)
		}
	}
	for _, command := range []string{"charts/README.md", "dev/cluster/install_test.go"} {
		content, err := os.ReadFile(repository(t).Path(filepath.FromSlash(command)))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(content), "dapr.io/injection=enabled") {
			t.Errorf("%s creates a namespace without the label that the injector selects", command)
		}
	}
}

// TestDaprRunsOnlyWhatIsUsed: no actors, no jobs, no volumes, no Role to read all Secrets.
func TestDaprRunsOnlyWhatIsUsed(t *testing.T) {
	t.Parallel()
	for name := range daprFiles {
		all := dapr(t, name)
		var running []string
		for _, w := range all.workloads() {
			running = append(running, w.String())
		}
		slices.Sort(running)
		equal(t, name+": workloads", running, []string{"Deployment dapr-operator", "Deployment dapr-sentry", "Deployment dapr-sidecar-injector"})
		for _, one := range all {
			for _, unused := range []string{"placement", "scheduler", "secret-reader"} {
				if strings.Contains(one.name(), unused) {
					t.Errorf("%s: %s is not used", name, one)
				}
			}
			if strings.Contains(fmt.Sprint(one.at("spec")), "olumeClaim") {
				t.Errorf("%s: %s needs a volume", name, one)
			}
		}
		injector := all.find(t, "Deployment", "dapr-sidecar-injector").part("spec", "template", "spec", "containers", 0)
		for variable, want := range map[string]string{"ACTORS_ENABLED": "false", "SIDECAR_DROP_ALL_CAPABILITIES": "true", "SIDECAR_RUN_AS_NON_ROOT": "true", "SIDECAR_READ_ONLY_ROOT_FILESYSTEM": "true"} {
			if got := environment(injector)[variable]; got != want {
				t.Errorf("%s: the injector's %s is %q", name, variable, got)
			}
		}
		if !slices.Contains(injector.list("args"), any("--scheduler-enabled=false")) {
			t.Errorf("%s: sidecars get the scheduler's address: %v", name, injector.list("args"))
		}
	}
}

func TestDaprIsRestrictedAndBounded(t *testing.T) {
	t.Parallel()
	for environment := range daprFiles {
		for _, w := range dapr(t, environment).workloads() {
			for _, container := range w.containers() {
				security := container.part("securityContext")
				if security.at("runAsNonRoot") != true || security.at("readOnlyRootFilesystem") != true || security.at("allowPrivilegeEscalation") != false ||
					security.text("seccompProfile", "type") != "RuntimeDefault" || security.at("capabilities", "drop", 0) != "ALL" {
					t.Errorf("%s: %s: %v", environment, w, security)
				}
				for _, amount := range [][]any{{"requests", "cpu"}, {"requests", "memory"}, {"limits", "memory"}} {
					if container.part("resources").text(amount...) == "" {
						t.Errorf("%s: %s has no %v", environment, w, amount)
					}
				}
			}
		}
	}
}

// TestDaprSurvivesAZone in production: replicas in different zones, of which one may be evicted.
func TestDaprSurvivesAZone(t *testing.T) {
	t.Parallel()
	all := dapr(t, "prod")
	budgets := make(map[string]object)
	for _, budget := range all.of("PodDisruptionBudget") {
		budgets[budget.text("spec", "selector", "matchLabels", "app")] = budget
	}
	for _, w := range all.workloads() {
		labels := w.pod.part("metadata", "labels")
		budget := budgets[labels.text("app")]
		for name, value := range budget.part("spec", "selector", "matchLabels") {
			if labels[name] != value {
				t.Errorf("the budget of %s selects %s=%v, which its pods do not have", w, name, value)
			}
		}
		if w.at("spec", "replicas") != 3 || budget.at("spec", "maxUnavailable") != 1 {
			t.Errorf("%s has %v replicas and the budget %v", w, w.at("spec", "replicas"), budget)
		}
		spread := w.pod.part("spec", "affinity", "podAntiAffinity", "preferredDuringSchedulingIgnoredDuringExecution", 0, "podAffinityTerm")
		if spread.text("topologyKey") != "topology.kubernetes.io/zone" || spread.at("labelSelector", "matchExpressions", 0, "values", 0) != labels["app"] {
			t.Errorf("%s is not spread over zones: %v", w, spread)
		}
	}
}

// issuerFile returns a file of values with a new issuer.
func issuerFile(t *testing.T) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "issuer.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := issuer.Write(file, t.TempDir(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Name()
}

// TestSentryGetsTheIssuer: Sentry replaces certificates whose root in the Secret is not exactly that of
// the ConfigMap, from which the injector takes it for the sidecars.
func TestSentryGetsTheIssuer(t *testing.T) {
	t.Parallel()
	file := issuerFile(t)
	tls := values(t, file).part("dapr_sentry", "tls")
	all := dapr(t, "prod", file)
	secret := all.find(t, "Secret", "dapr-trust-bundle").part("data")
	for key, want := range map[string]string{
		"ca.crt": tls.text("root", "certPEM"), "issuer.crt": tls.text("issuer", "certPEM"), "issuer.key": tls.text("issuer", "keyPEM"),
	} {
		got, err := base64.StdEncoding.DecodeString(secret.text(key))
		if err != nil || string(got) != want || want == "" {
			t.Errorf("%s is %q, want %q: %v", key, got, want, err)
		}
	}
	if got := all.find(t, "ConfigMap", "dapr-trust-bundle").text("data", "ca.crt"); got != tls.text("root", "certPEM") {
		t.Errorf("the sidecars get the root %q", got)
	}
}
