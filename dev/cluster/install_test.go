package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/secrets"
)

// quickly is the maximum duration of an installation with loaded images.
const quickly = 3 * time.Minute

// helm runs helm on the release. An install or upgrade uses the values of the test, followed by
// set, path=value.
func helm(ctx context.Context, verb string, within time.Duration, set ...string) (string, error) {
	return helmOf(ctx, "charts/phonebill", verb, within, set...)
}

// helmOf is helm with another chart.
func helmOf(ctx context.Context, chart, verb string, within time.Duration, set ...string) (string, error) {
	args := []string{verb, release, "--namespace", live.namespace}
	if verb == "install" || verb == "upgrade" {
		args = append(args, chart, "--values", "charts/phonebill/values-local.yaml",
			"--values", imageFile("digests.yaml"), "--values", "dev/cluster/testdata/values.yaml")
		if own := os.Getenv("PHONEBILL_CLUSTER_VALUES"); own != "" {
			args = append(args, "--values", own)
		}
		for _, value := range set {
			args = append(args, "--set", value)
		}
	}
	return command(ctx, "", "helm", append(args, "--wait", "--timeout", within.String())...)
}

// install creates the namespace with the restricted Pod Security Standard, the secrets and the
// release, and measures the time.
func install(ctx context.Context) error {
	start := time.Now()
	if _, err := kubectl(ctx, "create", "namespace", live.namespace); err != nil {
		return err
	}
	if _, err := kubectl(ctx, "label", "namespace", live.namespace, "pod-security.kubernetes.io/enforce=restricted", "dapr.io/injection=enabled"); err != nil {
		return err
	}
	var manifests bytes.Buffer
	if _, err := secrets.WriteCluster(&manifests, live.checkout, live.namespace, services); err != nil {
		return err
	}
	if _, err := command(ctx, manifests.String(), "kubectl", "create", "--filename", "-"); err != nil {
		return err
	}
	if _, err := helm(ctx, "install", setupTimeout/2); err != nil {
		return err
	}
	for _, service := range services {
		if _, err := kubectl(ctx, "rollout", "status", "deployment/"+service, "--timeout=60s"); err != nil {
			return err
		}
	}
	live.tookReady = time.Since(start)
	return nil
}

// uninstall removes the release and returns its remaining objects, except secrets, which are not
// part of the release.
func uninstall(ctx context.Context) (left []string, err error) {
	if _, err := helm(ctx, "uninstall", setupTimeout/2); err != nil {
		return nil, err
	}
	kinds, err := command(ctx, "", "kubectl", "api-resources", "--namespaced", "--verbs=list", "--output=name")
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(strings.Fields(kinds), func(kind string) bool {
		return strings.HasPrefix(kind, "events") || strings.HasSuffix(kind, "metrics.k8s.io")
	})
	// Terminating pods are not counted unless they never end.
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	err = proc.Retry(ctx, pollInterval, func() error {
		out, err := kubectl(ctx, "get", strings.Join(all, ","), "--output=name")
		left = slices.DeleteFunc(strings.Fields(out), expected)
		if err == nil && len(left) > 0 {
			err = errors.New(strings.Join(left, " "))
		}
		return err
	})
	if len(left) > 0 {
		err = nil
	}
	return left, err
}

// expected reports whether an object exists in every namespace or was created by these tests.
func expected(object string) bool {
	return strings.HasPrefix(object, "secret/") && !strings.Contains(object, "sh.helm.release") ||
		strings.HasSuffix(object, "/reach") || strings.Contains(object, "/reach-") ||
		slices.Contains([]string{"configmap/kube-root-ca.crt", "serviceaccount/default"}, object)
}

func removeNamespace(ctx context.Context) error {
	_, err := kubectl(ctx, "delete", "namespace", live.namespace, "--ignore-not-found", "--timeout=120s")
	return err
}

func TestInstallIsQuick(t *testing.T) {
	t.Logf("from an empty namespace to all pods ready: %s", live.tookReady.Round(time.Second))
	if live.tookReady > quickly {
		t.Errorf("the installation took %s, more than %s", live.tookReady, quickly)
	}
}

// pod is the tested part of a pod.
type pod struct {
	name, uid string
	ready     bool
}

// podsOf returns the pods of a service that are not terminating, by name.
func podsOf(ctx context.Context, service string) ([]pod, error) {
	out, err := kubectl(ctx, "get", "pods", "--selector=app="+service, "--output",
		`go-template={{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}} {{.metadata.uid}} `+
			`{{range .status.conditions}}{{if eq .type "Ready"}}{{.status}}{{end}}{{end}}{{"\n"}}{{end}}{{end}}`)
	if err != nil {
		return nil, err
	}
	var pods []pod
	for line := range strings.Lines(out) {
		fields := append(strings.Fields(line), "", "", "")
		pods = append(pods, pod{name: fields[0], uid: fields[1], ready: fields[2] == "True"})
	}
	return pods, nil
}

// settled returns nil if a service has exactly want pods, all ready.
func settled(ctx context.Context, service string, want int) error {
	pods, err := podsOf(ctx, service)
	if err != nil {
		return err
	}
	if len(pods) != want || slices.ContainsFunc(pods, func(p pod) bool { return !p.ready }) {
		return fmt.Errorf("%s has the pods %v, want %d ready ones", service, pods, want)
	}
	return nil
}
