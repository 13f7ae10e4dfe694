package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/traffic"
)

// TestEviction evicts two pods of each service at once: the disruption budget allows one eviction,
// and the next one when the first pod is replaced.
func TestEviction(t *testing.T) {
	allSettled(t)
	for _, service := range services {
		t.Run(service, func(t *testing.T) {
			before, err := podsOf(t.Context(), service)
			if err != nil || len(before) != leastReplicas {
				t.Fatalf("%s has the pods %v: %v", service, before, err)
			}
			if err := evict(t.Context(), before[0].name); err != nil {
				t.Errorf("a first eviction is refused: %v", err)
			}
			err = evict(t.Context(), before[1].name)
			if err == nil || !strings.Contains(err.Error(), "disruption budget") {
				t.Errorf("a second eviction at once: %v, want it refused because of the budget", err)
			}
			await(t, time.Minute, service+" is complete", func() error { return settled(t.Context(), service, leastReplicas) })
		})
	}
}

func evict(ctx context.Context, pod string) error {
	_, err := command(ctx,
		fmt.Sprintf(`{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":%q,"namespace":%q}}`, pod, live.namespace),
		"kubectl", "create", "--raw", "/api/v1/namespaces/"+live.namespace+"/pods/"+pod+"/eviction", "--filename", "-")
	return err
}

// TestAutoscaler loads a service until it is scaled up, and waits until it is scaled down. No
// request fails in either direction.
func TestAutoscaler(t *testing.T) {
	allSettled(t)
	token := login(t, "testuser01")
	start := time.Now()
	const callers = 20
	keeping, fresh := &http.Transport{MaxIdleConnsPerHost: callers}, &http.Transport{DisableKeepAlives: true}
	t.Cleanup(keeping.CloseIdleConnections)
	call := func(pace time.Duration, transport *http.Transport) *traffic.Traffic {
		running := traffic.Start(callers, pace, func(int) traffic.Call {
			start := time.Now()
			status, body := sendOver(transport, request(http.MethodGet, address(auth)+"/api/v1/auth/verify", token, ""))
			return traffic.Call{Start: start, Took: time.Since(start), OK: status == http.StatusOK, Status: status, Reason: body}
		})
		t.Cleanup(func() { running.Stop() })
		return running
	}
	// Callers that keep their connections make the load: so many closed connections would exhaust the
	// node's ports. Those that do not reach new pods at once.
	loads := []*traffic.Traffic{call(10*time.Millisecond, keeping), call(50*time.Millisecond, fresh)}
	await(t, 3*time.Minute, "more pods under load", func() error {
		pods, err := podsOf(t.Context(), auth)
		if err == nil && (len(pods) < 3 || !pods[len(pods)-1].ready) {
			hpa, _ := kubectl(t.Context(), "get", "hpa", auth)
			err = fmt.Errorf("%d pods\n%s", len(pods), hpa)
		}
		return err
	})
	t.Logf("more pods after %s", time.Since(start).Round(time.Second))
	for _, load := range loads {
		calls := load.Stop()
		for _, call := range traffic.Failures(calls) {
			t.Errorf("%s after the start, of %d requests: %d %.300s", call.Start.Sub(start), len(calls), call.Status, call.Reason)
		}
	}
	start = time.Now()
	quiet := startLoad(t, auth)
	await(t, 8*time.Minute, "scaled down", func() error { return settled(t.Context(), auth, leastReplicas) })
	t.Logf("scaled down after %s", time.Since(start).Round(time.Second))
	quiet.lossless(t)
}

// TestLogLevelChanges in a container that has no shell.
func TestLogLevelChanges(t *testing.T) {
	allSettled(t)
	pods, err := podsOf(t.Context(), bills)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{{"debug", "DEBUG"}, {"configured", "INFO"}} {
		level, logged := change[0], change[1]
		mustKubectl(t, "exec", pods[0].name, "--container=app", "--", "/"+bills, "log-level", level)
		await(t, time.Minute, "a changed level", func() error {
			log, err := kubectl(t.Context(), "logs", pods[0].name, "--container=app")
			if err == nil && !strings.Contains(log, `"log level changed","service":"`+bills+`","to":"`+logged+`"`) {
				err = errors.New("the log has no change to " + logged)
			}
			return err
		})
	}
}

// TestNoPodWithoutItsSidecar stops Dapr's sidecar injector and deletes a pod: no pod replaces it until the
// injector is back, and the other pod answers meanwhile.
func TestNoPodWithoutItsSidecar(t *testing.T) {
	allSettled(t)
	before, err := podsOf(t.Context(), bills)
	if err != nil {
		t.Fatal(err)
	}
	load := startLoad(t, bills)
	start := injector(t)
	earlier := refusals(t)
	mustKubectl(t, "delete", "pod", before[0].name, "--wait=false")
	await(t, time.Minute, "a refused pod", func() error {
		if refusals(t) == earlier {
			return errors.New("no new event has the reason")
		}
		return nil
	})
	after, err := podsOf(t.Context(), bills)
	if err != nil || len(after) != 1 || after[0].uid != before[1].uid {
		t.Errorf("without an injector the pods are %v, want %v: %v", after, before[1:], err)
	}
	start()
	await(t, 2*time.Minute, bills+" is complete", func() error { return settled(t.Context(), bills, leastReplicas) })
	load.lossless(t)
}

// refusals returns the events of pods that were refused because they have no sidecar, with their counts.
func refusals(t *testing.T) string {
	t.Helper()
	events := mustKubectl(t, "get", "events", "--field-selector=reason=FailedCreate",
		`--output=jsonpath={range .items[*]}{.metadata.name} {.count} {.message}{"\n"}{end}`)
	return strings.Join(slices.DeleteFunc(strings.Split(events, "\n"), func(event string) bool {
		return !strings.Contains(event, "the pod has no Dapr sidecar")
	}), "\n")
}

// injector stops Dapr's sidecar injector and returns a function that starts it, which the end of the test also does.
func injector(t *testing.T) (start func()) {
	t.Helper()
	const name = "deployment/dapr-sidecar-injector"
	daprctl := func(args ...string) (string, error) {
		return command(context.Background(), "", "kubectl", append([]string{"--namespace", "dapr-system"}, args...)...)
	}
	replicas, err := daprctl("get", name, "--output=jsonpath={.spec.replicas}")
	if err != nil {
		t.Fatal(err)
	}
	start = sync.OnceFunc(func() {
		if _, err := daprctl("scale", name, "--replicas="+replicas); err != nil {
			t.Error(err)
		}
		if _, err := daprctl("rollout", "status", name, "--timeout=60s"); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(start)
	if _, err := daprctl("scale", name, "--replicas=0"); err != nil {
		t.Fatal(err)
	}
	if _, err := daprctl("wait", "--for=delete", "pod", "--selector=app=dapr-sidecar-injector", "--timeout=60s"); err != nil {
		t.Fatal(err)
	}
	return start
}

// TestUnknownAppIsRefused calls the services from an app that no policy admits, through a sidecar of the same
// cluster with the same certificates.
func TestUnknownAppIsRefused(t *testing.T) {
	caller(t, "stranger", "default").denied(t, []operation{
		{kosMock, http.MethodGet, "/api/kos/products"},
		{kosMock, http.MethodPost, "/api/kos/auth"},
		{kosMock, http.MethodPost, "/api/kos/bill-inquiry"},
		{kosMock, http.MethodPost, "/admin/calls"},
		{auth, http.MethodGet, "/.well-known/jwks.json"},
		{auth, http.MethodPost, "/internal/registrations/check"},
		{bills, http.MethodGet, "/api/v1/bills/menu"},
		{plans, http.MethodGet, "/api/v1/products/menu"},
	})
}

// TestOnlyNamedOperationsAreAdmitted calls as an app that policies admit, in a pod beside its own: only the
// operations that the policies name reach the services.
func TestOnlyNamedOperationsAreAdmitted(t *testing.T) {
	call := caller(t, bills, bills+"-sa")
	for to, want := range map[operation]int{
		{auth, http.MethodGet, "/.well-known/jwks.json"}:       http.StatusOK,
		{kosMock, http.MethodPost, "/api/kos/bill-inquiry"}:    http.StatusUnauthorized,
		{kosMock, http.MethodPost, "/api/kos/product-inquiry"}: http.StatusUnauthorized,
	} {
		if status, body := call(to); status != want {
			t.Errorf("%v answered %d, want %d: %s", to, status, want, body)
		}
	}
	call.denied(t, []operation{
		{auth, http.MethodPost, "/.well-known/jwks.json"},
		{auth, http.MethodPost, "/internal/registrations/check"},
		{auth, http.MethodPost, "/api/v1/auth/login"},
		{kosMock, http.MethodGet, "/api/kos/bill-inquiry"},
		{kosMock, http.MethodGet, "/api/kos/products"},
		{kosMock, http.MethodPost, "/api/kos/product-change"},
		{kosMock, http.MethodPost, "/admin/calls"},
		{plans, http.MethodGet, "/api/v1/products/menu"},
	})
}

// operation is an operation for access control.
type operation struct{ service, method, path string }

// invoke calls an operation through a sidecar.
type invoke func(operation) (status int, body string)

// denied checks that access control denies all operations.
func (call invoke) denied(t *testing.T, operations []operation) {
	t.Helper()
	for _, to := range operations {
		if status, body := call(to); status != http.StatusForbidden || !strings.Contains(body, "PermissionDenied") {
			t.Errorf("%v answered %d: %s", to, status, body)
		}
	}
}

// caller creates a pod whose sidecar calls as an app with a service account, and returns the
// function to call it.
func caller(t *testing.T, appID, account string) invoke {
	t.Helper()
	manifest, err := os.ReadFile("testdata/caller.yaml")
	if err != nil {
		t.Fatal(err)
	}
	image := mustKubectl(t, "get", "deployment", "redis", "--output=jsonpath={.spec.template.spec.containers[0].image}")
	if err := apply(t.Context(), strings.NewReplacer("IMAGE", image, "APP_ID", appID, "ACCOUNT", account).Replace(string(manifest))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustKubectl(t, "delete", "pod", "reach-caller", "--wait") })
	await(t, time.Minute, "the caller's sidecar", func() error {
		status, body := send(request(http.MethodGet, address("caller")+"/v1.0/healthz/outbound", "", ""))
		if status != http.StatusNoContent {
			return fmt.Errorf("status %d %s", status, body)
		}
		return nil
	})
	return func(to operation) (int, string) {
		return send(request(to.method, address("caller")+"/v1.0/invoke/"+to.service+"/method"+to.path, "", ""))
	}
}

// TestServiceAccountPermissions checks the permissions of the service accounts.
func TestServiceAccountPermissions(t *testing.T) {
	type right struct{ account, verb, object string }
	allowed := []right{
		{"deployment-sa", "create", "deployments.apps"}, {"deployment-sa", "patch", "services"},
		{"deployment-sa", "list", "pods"}, {"deployment-sa", "create", "components.dapr.io"},
		{auth + "-sa", "get", "secrets/jwt-signing-key"}, {bills + "-sa", "get", "secrets/database-password-bill-inquiry"},
		{plans + "-sa", "get", "secrets/redis-auth-key"}, {kosMock + "-sa", "get", "secrets/kos-mock-config"},
	}
	refused := []right{
		{"deployment-sa", "get", "secrets"}, {"deployment-sa", "create", "rolebindings.rbac.authorization.k8s.io"},
		{"deployment-sa", "create", "pods --subresource=exec"}, {"deployment-sa", "delete", "namespaces"},
		{bills + "-sa", "get", "secrets/jwt-signing-key"}, {plans + "-sa", "get", "secrets/database-password-auth"},
		{auth + "-sa", "get", "secrets/kos-mock-config"}, {kosMock + "-sa", "get", "secrets/redis-auth-key"},
		{"default", "get", "pods"},
	}
	for _, service := range services {
		for _, kind := range []string{"pods", "services", "configmaps"} {
			allowed = append(allowed, right{service + "-sa", "get", kind})
			refused = append(refused, right{service + "-sa", "delete", kind}, right{service + "-sa", "create", kind})
		}
		refused = append(refused, right{service + "-sa", "list", "secrets"}, right{service + "-sa", "get", "secrets"},
			right{service + "-sa", "patch", "deployments.apps"}, right{service + "-sa", "create", "pods --subresource=exec"})
	}
	ask := func(r right, want string) {
		// kubectl fails if the answer is no.
		args := append([]string{"auth", "can-i", r.verb}, strings.Fields(r.object)...)
		out, err := kubectl(t.Context(), append(args, "--as=system:serviceaccount:"+live.namespace+":"+r.account)...)
		if got := strings.TrimSpace(out); got != want {
			t.Errorf("may %s %s %s? %q, want %s (%v)", r.account, r.verb, r.object, got, want, err)
		}
	}
	for _, r := range allowed {
		ask(r, "yes")
	}
	for _, r := range refused {
		ask(r, "no")
	}
}
