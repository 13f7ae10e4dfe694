package charts

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// annotations returns the annotations of the pods of a Deployment or Job.
func annotations(w object) map[string]any {
	found, _ := w.at("spec", "template", "metadata", "annotations").(map[string]any)
	return found
}

// source returns a named number of seconds in the services' sources.
func source(t *testing.T, file, name string) int {
	t.Helper()
	content, err := os.ReadFile(repository(t).Path("apps", "internal", file))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(name + `\s*=\s*(\d+) \* time\.Second`).FindSubmatch(content)
	if found == nil {
		t.Fatalf("%s lacks %s", file, name)
	}
	seconds, _ := strconv.Atoi(string(found[1]))
	return seconds
}

// environmentOf returns the environment variables of a pod's service.
func environmentOf(pod object) map[string]string { return environment(pod.part("containers", 0)) }

// TestTerminationGracePeriods adds up the sequential phases.
func TestTerminationGracePeriods(t *testing.T) {
	t.Parallel()
	stop := source(t, "platform/command.go", "stopTimeout")
	for _, environment := range environments {
		for _, deployment := range system(t, environment).of("Deployment") {
			if !slices.Contains(services, deployment.name()) {
				continue
			}
			pod := deployment.part("spec", "template", "spec")
			wait, _ := pod.at("containers", 0, "lifecycle", "preStop", "sleep", "seconds").(int)
			graceful, _ := strconv.Atoi(annotations(deployment)["dapr.io/graceful-shutdown-seconds"].(string))
			grace, _ := pod.at("terminationGracePeriodSeconds").(int)
			leave, err := time.ParseDuration(environmentOf(pod)["HTTP_LEAVE"])
			if err != nil || leave < time.Second || leave > time.Duration(stop)*time.Second/2 {
				t.Errorf("%s: %s asks clients to close for %s of %d s to stop: %v", environment, deployment, leave, stop, err)
			}
			if wait < 5 || grace <= wait+stop+graceful {
				t.Errorf("%s: %s: waits %d s, stops in %d s, its sidecar in %d s, and has %d s", environment, deployment, wait, stop, graceful, grace)
			}
		}
	}
}

func TestSidecarsEndAfterTheirServices(t *testing.T) {
	t.Parallel()
	for _, environment := range environments {
		for _, w := range system(t, environment).workloads() {
			if found := annotations(w.object); found["dapr.io/enabled"] != nil && found["dapr.io/enable-native-sidecar"] != "true" {
				t.Errorf("%s: %s: %v", environment, w, found)
			}
		}
	}
}

// lookupTTL matches how many seconds a sidecar caches the addresses of callees.
var lookupTTL = regexp.MustCompile(`const resolverCacheTTL = (\d+)\n`)

// TestCalleesOutliveResolvedAddresses adds the maximum age of an answer of the cluster's DNS.
func TestCalleesOutliveResolvedAddresses(t *testing.T) {
	t.Parallel()
	const dns = 5
	content, err := os.ReadFile(filepath.Join(sources(t, "daprd", "github.com/dapr/dapr"), "pkg", "messaging", "direct_messaging.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := lookupTTL.FindSubmatch(content)
	if found == nil {
		t.Fatal("the pinned Dapr lacks resolverCacheTTL")
	}
	ttl, _ := strconv.Atoi(string(found[1]))
	for _, environment := range environments {
		all := system(t, environment)
		for _, callee := range []string{"auth-service", "kos-mock-service"} {
			if environment == "prod" && callee == "kos-mock-service" {
				continue
			}
			wait, _ := all.find(t, "Deployment", callee).at("spec", "template", "spec", "containers", 0, "lifecycle", "preStop", "sleep", "seconds").(int)
			if wait <= ttl+dns {
				t.Errorf("%s: %s waits %d s, and may be called for %d s", environment, callee, wait, ttl+dns)
			}
		}
	}
}

// tokens returns the secrets in a container's environment.
func tokens(container object) map[string]any {
	found := make(map[string]any)
	for _, entry := range container.list("env") {
		if secret := at(entry, "valueFrom", "secretKeyRef"); secret != nil {
			found[fmt.Sprint(at(entry, "name"))] = secret
		}
	}
	return found
}

func TestSidecarsKnowTheirServices(t *testing.T) {
	t.Parallel()
	for _, environment := range environments {
		all := system(t, environment)
		for _, w := range all.workloads() {
			service := strings.TrimSuffix(w.name(), "-migrate")
			if !slices.Contains(services, service) {
				continue
			}
			got := annotations(w.object)
			for name, want := range map[string]string{
				"enabled": "true", "app-id": service, "config": service, "log-as-json": "true",
				"sidecar-listen-addresses": "127.0.0.1", "disable-builtin-k8s-secret-store": "true",
				"api-token-secret": "dapr-api-token-" + service, "app-token-secret": "app-api-token-" + service,
				"sidecar-seccomp-profile-type": "RuntimeDefault", "metrics-port": "9090",
			} {
				t.Run(name, func(t *testing.T) {
					if got["dapr.io/"+name] != want {
						t.Errorf("%s: %s: dapr.io/%s is %v, want %s", environment, w, name, got["dapr.io/"+name], want)
					}
				})
			}
			all.find(t, "Configuration", service)
			equal(t, environment+": tokens of "+w.String(), tokens(w.containers()[0]), map[string]any{
				"DAPR_API_TOKEN": map[string]any{"name": "dapr-api-token-" + service, "key": "token"},
				"APP_API_TOKEN":  map[string]any{"name": "app-api-token-" + service, "key": "token"},
			})
			if w.kind() == "Deployment" {
				equal(t, w.String(), []any{got["dapr.io/app-port"], got["dapr.io/enable-app-health-check"], got["dapr.io/app-health-check-path"]},
					[]any{"8080", "true", "/actuator/health"})
			}
		}
	}
}

// TestAppsAndSidecarsSendTracesToTheSameCollector, if they send any, and sample the same share of
// them. Otherwise traces would lack spans.
func TestAppsAndSidecarsSendTracesToTheSameCollector(t *testing.T) {
	t.Parallel()
	for _, name := range environments {
		all := system(t, name)
		for _, configuration := range all.of("Configuration") {
			want, rate := "", configuration.text("spec", "tracing", "samplingRate")
			if sidecars := configuration.text("spec", "tracing", "otel", "endpointAddress"); sidecars != "" {
				want = "http://" + sidecars
			} else {
				equal(t, name+": without a collector, the rate of "+configuration.name(), rate, "0")
				rate = ""
			}
			container := all.find(t, "Deployment", configuration.name()).part("spec", "template", "spec", "containers", 0)
			equal(t, name+": "+configuration.name(), environment(container)["OTEL_EXPORTER_OTLP_ENDPOINT"], want)
			equal(t, name+": rate of "+configuration.name(), environment(container)["OTEL_TRACES_SAMPLER_ARG"], rate)
		}
	}
}

// TestDatabasesAreMigratedFirst, except at the first install, when the Job's dependencies do not
// exist yet. The Job is a hook and not part of the release, because a completed Job is immutable
// and would prevent a rollback.
func TestDatabasesAreMigratedFirst(t *testing.T) {
	t.Parallel()
	for _, service := range stateful {
		upgrade, install := template(t, service, "--is-upgrade").find(t, "Job", service+"-migrate"), template(t, service).find(t, "Job", service+"-migrate")
		for hook, job := range map[string]object{"pre-upgrade": upgrade, "post-install": install} {
			equal(t, service, job.at("metadata", "annotations"), any(map[string]any{
				"helm.sh/hook": hook, "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
			}))
		}
		for _, job := range []object{upgrade, install} {
			equal(t, job.String()+" runs", job.at("spec", "template", "spec", "containers", 0, "args"), any([]any{"migrate"}))
			equal(t, job.String()+" ends", []any{annotations(job)["dapr.io/enable-native-sidecar"], job.at("spec", "template", "spec", "restartPolicy")}, []any{"true", "Never"})
			if selects(map[string]any{"matchLabels": map[string]any{"app": service}}, map[string]string{"app": service + "-migrate"}) {
				t.Errorf("the Service of %s sends requests to its Job", service)
			}
		}
		deployment := template(t, service).find(t, "Deployment", service)
		for _, field := range []string{"image", "env"} {
			equal(t, service+": the Job's "+field, install.at("spec", "template", "spec", "containers", 0, field),
				deployment.at("spec", "template", "spec", "containers", 0, field))
		}
	}
}
