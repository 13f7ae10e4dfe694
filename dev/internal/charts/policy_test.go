package charts

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// everyWorkload calls check for every workload of every environment, and of each service installed
// and upgraded separately.
func everyWorkload(t *testing.T, check func(t *testing.T, where string, w workload)) {
	t.Helper()
	all := make(map[string]objects)
	for _, environment := range environments {
		all[environment] = system(t, environment)
	}
	for _, service := range services {
		all[service] = template(t, service, "--is-upgrade")
	}
	all["edge"] = template(t, "edge")
	for where, rendered := range all {
		for _, w := range rendered.workloads() {
			check(t, where+": "+w.String(), w)
		}
	}
}

func TestPodsAreRestricted(t *testing.T) {
	t.Parallel()
	everyWorkload(t, func(t *testing.T, where string, w workload) {
		t.Helper()
		pod := w.pod
		security := pod.part("spec", "securityContext")
		if security.at("runAsNonRoot") != true || security.text("seccompProfile", "type") != "RuntimeDefault" {
			t.Errorf("%s: %v", where, security)
		}
		if user, ok := security.at("runAsUser").(int); !ok || user == 0 {
			t.Errorf("%s runs as %v", where, security.at("runAsUser"))
		}
		for _, field := range []string{"hostNetwork", "hostPID", "hostIPC"} {
			if pod.at("spec", field) != nil {
				t.Errorf("%s: %s", where, field)
			}
		}
		for _, volume := range pod.list("spec", "volumes") {
			if at(volume, "hostPath") != nil {
				t.Errorf("%s mounts files of its node", where)
			}
		}
		for _, container := range w.containers() {
			equal(t, where, container.at("securityContext"), any(map[string]any{
				"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": map[string]any{"drop": []any{"ALL"}},
			}))
		}
	})
}

func TestPodsHaveNoAPIToken(t *testing.T) {
	t.Parallel()
	everyWorkload(t, func(t *testing.T, where string, w workload) {
		t.Helper()
		if w.pod.at("spec", "automountServiceAccountToken") != false {
			t.Errorf("%s gets a token", where)
		}
		for _, container := range w.containers() {
			for _, mount := range container.list("volumeMounts") {
				if at(mount, "name") == "kubernetes-api" {
					t.Errorf("%s: the service gets its sidecar's token", where)
				}
			}
		}
	})
	for _, environment := range environments {
		annotations := system(t, environment).find(t, "Deployment", "auth-service").at("spec", "template", "metadata", "annotations")
		mounted := at(annotations, "dapr.io/volume-mounts") == "kubernetes-api:/var/run/secrets/kubernetes.io/serviceaccount"
		if want := environment != "prod"; mounted != want {
			t.Errorf("%s: the sidecar has a token: %t", environment, mounted)
		}
	}
}

func TestContainersHaveLimits(t *testing.T) {
	t.Parallel()
	everyWorkload(t, func(t *testing.T, where string, w workload) {
		t.Helper()
		for _, container := range w.containers() {
			for _, bound := range []string{"requests", "limits"} {
				for _, resource := range []string{"cpu", "memory"} {
					if container.text("resources", bound, resource) == "" {
						t.Errorf("%s: %s has no %s of %s", where, container.text("name"), bound, resource)
					}
				}
			}
		}
		annotations := w.pod.at("metadata", "annotations")
		if at(annotations, "dapr.io/enabled") == nil {
			return
		}
		for _, bound := range []string{"cpu-request", "cpu-limit", "memory-request", "memory-limit"} {
			if at(annotations, "dapr.io/sidecar-"+bound) == nil {
				t.Errorf("%s: its sidecar has no %s", where, bound)
			}
		}
	})
}

func TestImagesAreNamedExactly(t *testing.T) {
	t.Parallel()
	versioned := regexp.MustCompile(`^[a-z0-9./_-]+:[0-9A-Za-z._-]+(@sha256:[0-9a-f]{64})?$`)
	everyWorkload(t, func(t *testing.T, where string, w workload) {
		t.Helper()
		for _, container := range w.containers() {
			image := container.text("image")
			if !versioned.MatchString(image) || strings.Contains(image, ":latest") {
				t.Errorf("%s: image %q", where, image)
			}
			if strings.HasPrefix(where, "prod: ") && !strings.HasPrefix(image, "phonebillprod.azurecr.io/phonebill/") {
				t.Errorf("%s: unexpected image %q", where, image)
			}
		}
	})
	if _, err := helm(t, "template", "x", "phonebill", "-f", "phonebill/values-prod.yaml", "--kube-version", kubernetes); err == nil ||
		!strings.Contains(err.Error(), "image.digest is required") {
		t.Errorf("production accepts images by tag: %v", err)
	}
}

func TestImagesAreTheSameEverywhere(t *testing.T) {
	t.Parallel()
	for _, environment := range environments {
		for _, deployment := range system(t, environment).of("Deployment") {
			if !slices.Contains(services, deployment.name()) {
				continue
			}
			image, _ := deployment.at("spec", "template", "spec", "containers", 0, "image").(string)
			if !strings.HasSuffix(image, "@"+digest) {
				t.Errorf("%s: %s is %s", environment, deployment, image)
			}
		}
	}
}

// secretLike matches text that may be a secret: long random text, a PEM key, or a password in a
// URL.
var secretLike = regexp.MustCompile(`-----BEGIN|://[^/\s:]+:[^/\s@]+@|\b[A-Za-z0-9+/_-]{40,}={0,2}\b`)

var digests = regexp.MustCompile(`@sha256:[0-9a-f]{64}$`)

// looksSecret excludes long names.
func looksSecret(text string) bool {
	found := secretLike.FindString(text)
	return strings.ContainsAny(found, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:")
}

func TestNothingRenderedIsSecret(t *testing.T) {
	t.Parallel()
	for _, environment := range environments {
		all := system(t, environment)
		if secrets := all.of("Secret"); len(secrets) > 0 {
			t.Errorf("%s: the chart creates secrets: %v", environment, secrets)
		}
		everyText(map[string]any{"all": plain(all)}, "", func(path, text string) {
			text = digests.ReplaceAllString(text, "")
			if looksSecret(text) && !strings.Contains(path, "checksum/") && !strings.Contains(path, "prepare.sh") &&
				!strings.HasSuffix(path, "/armId") { // the id of a resource of Azure
				t.Errorf("%s: %s may be a secret: %q", environment, path, text)
			}
		})
	}
	everyWorkload(t, func(t *testing.T, where string, w workload) {
		t.Helper()
		for _, container := range w.containers() {
			for _, entry := range container.list("env") {
				if name := at(entry, "name"); at(entry, "valueFrom") != nil && name != "DAPR_API_TOKEN" && name != "APP_API_TOKEN" {
					t.Errorf("%s: %v: secrets come from the secret store", where, name)
				}
			}
		}
	})
}

func plain(all objects) []any {
	var list []any
	for _, one := range all {
		list = append(list, map[string]any(one))
	}
	return list
}

// everyText calls look for each text of a document.
func everyText(value any, path string, look func(path, text string)) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			everyText(inner, path+"/"+name, look)
		}
	case []any:
		for i, inner := range v {
			everyText(inner, fmt.Sprintf("%s/%d", path, i), look)
		}
	case string:
		look(path, v)
	}
}

// clusterScoped are the kinds without a namespace; the namespace is part of their names, so that two
// installations do not share them.
var clusterScoped = []string{"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}

func TestEveryObjectIsLabelledAndInItsNamespace(t *testing.T) {
	t.Parallel()
	for _, environment := range environments {
		var names []string
		for _, one := range system(t, environment) {
			inNamespace := one.text("metadata", "namespace") == "phonebill"
			if slices.Contains(clusterScoped, one.kind()) {
				inNamespace = one.at("metadata", "namespace") == nil && strings.HasPrefix(one.text("metadata", "name"), "phonebill-")
			}
			if !inNamespace || one.text("metadata", "labels", "app.kubernetes.io/part-of") != "phonebill" {
				t.Errorf("%s: %s: %v", environment, one, one.at("metadata"))
			}
			names = append(names, one.String())
		}
		slices.Sort(names)
		if unique := slices.Compact(slices.Clone(names)); len(unique) != len(names) {
			t.Errorf("%s: duplicate objects: %v", environment, names)
		}
	}
}
