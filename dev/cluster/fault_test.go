package cluster

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// hopeless is the timeout of an upgrade that cannot succeed.
const hopeless = 75 * time.Second

// TestFailingMigration makes a migration fail: helm names the Job, whose log has the cause, and no
// pod is replaced.
func TestFailingMigration(t *testing.T) {
	version := psql(t, "SELECT version FROM schema_version")
	psql(t, "UPDATE schema_version SET version = 0")
	t.Cleanup(func() { psql(t, "UPDATE schema_version SET version = "+version) })
	refused(t, auth, []string{auth + "-migrate", "already exists"}, auth+".migration.retries=0")
	psql(t, "UPDATE schema_version SET version = "+version)
	recovers(t)
}

// TestMissingSecret removes a secret that new pods need.
func TestMissingSecret(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some minutes; TestWrongRedisPassword covers a failed upgrade too")
	}
	const name = "data-keyset-bill-inquiry"
	kept := mustKubectl(t, "get", "secret", name, "--output=jsonpath={.data."+name+"}")
	restore := func(ctx context.Context) error {
		return apply(ctx, fmt.Sprintf(`{"apiVersion":"v1","kind":"Secret","metadata":{"name":%q},"data":{%q:%q}}`, name, name, kept))
	}
	mustKubectl(t, "delete", "secret", name)
	t.Cleanup(func() { _ = restore(context.Background()) })
	refused(t, bills, []string{bills, name})
	if err := restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	recovers(t)
}

// TestWrongRedisPassword gives new sidecars a wrong Redis password. The first are those of the
// migrations, so the upgrade stops before any Deployment.
func TestWrongRedisPassword(t *testing.T) {
	const name = "redis-auth-key"
	kept := mustKubectl(t, "get", "secret", name, "--output=jsonpath={.data."+name+"}")
	set := func(ctx context.Context, value string) error {
		return apply(ctx, fmt.Sprintf(`{"apiVersion":"v1","kind":"Secret","metadata":{"name":%q},"data":{%q:%q}}`, name, name, value))
	}
	if err := set(t.Context(), base64.StdEncoding.EncodeToString([]byte("wrong"))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = set(context.Background(), kept) })
	refused(t, plans, []string{auth + "-migrate", "WRONGPASS"}, "global.service.migration.retries=0")
	if err := set(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	recovers(t)
}

// refused runs an upgrade that must fail, under a load of fifty requests a second, which the old
// pods answer. The output of helm, new pods and Jobs must contain the causes.
func refused(t *testing.T, service string, causes []string, set ...string) {
	t.Helper()
	allSettled(t)
	before := allPods(t)
	load := startLoad(t, service)
	start := time.Now()
	_, err := helm(t.Context(), "upgrade", hopeless, append(set, service+".env.ROLL="+fmt.Sprint(start.Unix()))...)
	if err == nil {
		t.Fatal("an upgrade that cannot succeed did")
	}
	t.Logf("refused after %s: %.600s", time.Since(start).Round(time.Second), err)
	said := err.Error() + diagnosis(t)
	for _, cause := range causes {
		if !strings.Contains(said, cause) {
			t.Errorf("no output contains %q:\n%s", cause, said)
		}
	}
	after := allPods(t)
	for _, old := range before {
		if !slices.Contains(after, old) {
			t.Errorf("%s was ready before the failed upgrade and is not ready now: %v", old.name, after)
		}
	}
	load.lossless(t)
}

// recovers rolls the failed upgrade back and upgrades again, which succeeds without the cause.
// (Without the rollback, objects added by the failed upgrade would remain, because Helm compares
// with the last successful release.)
func recovers(t *testing.T) {
	t.Helper()
	roll(t, "the rollback", rollBack)
	roll(t, "an upgrade after the cause is gone", func(ctx context.Context) (string, error) {
		return helm(ctx, "upgrade", rollTimeout)
	})
}

// allPods returns the ready pods of all services.
func allPods(t testing.TB) []pod {
	t.Helper()
	var all []pod
	for _, service := range services {
		pods, err := podsOf(t.Context(), service)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, slices.DeleteFunc(pods, func(p pod) bool { return !p.ready })...)
	}
	return all
}

// diagnosis returns events, and the logs of pods that are neither ready nor completed.
func diagnosis(t testing.TB) string {
	t.Helper()
	said, _ := kubectl(t.Context(), "get", "events", "--field-selector=type=Warning", "--output=custom-columns=O:.involvedObject.name,M:.message")
	unready := mustKubectl(t, "get", "pods", "--selector=tier=application", "--field-selector=status.phase!=Succeeded", "--output",
		`go-template={{range .items}}{{$name := .metadata.name}}{{range .status.conditions}}`+
			`{{if and (eq .type "Ready") (ne .status "True")}}{{$name}} {{end}}{{end}}{{end}}`)
	for _, name := range strings.Fields(unready) {
		for _, container := range []string{"app", "daprd"} {
			for _, previous := range []string{"--previous=false", "--previous=true"} {
				log, _ := kubectl(t.Context(), "logs", name, "--container="+container, "--tail=30", previous)
				said += log
			}
		}
	}
	return said
}

// psql executes a statement in auth-service's database, in its pod, and returns the result.
func psql(t testing.TB, statement string) string {
	t.Helper()
	return strings.TrimSpace(mustKubectl(t, "exec", "postgresql-0", "--container=postgresql", "--", "sh", "-c",
		`exec /usr/lib/postgresql/*/bin/psql -h /tmp -U postgres -d auth -Atc "$0"`, statement))
}
