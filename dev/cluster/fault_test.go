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

// hopeless is how long an upgrade that cannot succeed is given.
const hopeless = 75 * time.Second

// TestFailingMigration has a migration fail: helm names the Job, whose log says
// what is wrong, and no pod is exchanged.
func TestFailingMigration(t *testing.T) {
	version := psql(t, "SELECT version FROM schema_version")
	psql(t, "UPDATE schema_version SET version = 0")
	t.Cleanup(func() { psql(t, "UPDATE schema_version SET version = "+version) })
	refused(t, auth, []string{auth + "-migrate", "already exists"}, auth+".migration.retries=0")
	psql(t, "UPDATE schema_version SET version = "+version)
	recovers(t)
}

// TestMissingSecret takes a secret away that a new pod needs.
func TestMissingSecret(t *testing.T) {
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

// TestWrongRedisPassword gives new sidecars a password that Redis does not take.
// The first are those of the migrations: the upgrade stops before any Deployment.
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

// refused upgrades a service, which must fail, and while that goes on asks it
// fifty times a second: the pods of before answer all of it. What helm, the new
// pods and the Jobs say must name the causes.
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
			t.Errorf("nothing tells of %q:\n%s", cause, said)
		}
	}
	after := allPods(t)
	for _, old := range before {
		if !slices.Contains(after, old) {
			t.Errorf("%s was ready before the upgrade that failed, and is not now: %v", old.name, after)
		}
	}
	load.lossless(t)
}

// recovers takes back the upgrade that failed, and makes another one, which
// succeeds now that the cause is gone. (Without the rollback, it would leave what
// the failed one has added: Helm compares with the last release that was complete.)
func recovers(t *testing.T) {
	t.Helper()
	roll(t, "the rollback", rollBack)
	roll(t, "an upgrade after the cause is gone", func(ctx context.Context) (string, error) {
		return helm(ctx, "upgrade", rollTimeout)
	})
}

// allPods returns the pods of all services that are ready.
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

// diagnosis is what somebody reads who looks for the reason: events, and the logs
// of what is not ready and has not succeeded.
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

// psql runs a statement on auth-service's database, in its pod, and returns what
// it selects.
func psql(t testing.TB, statement string) string {
	t.Helper()
	return strings.TrimSpace(mustKubectl(t, "exec", "postgresql-0", "--container=postgresql", "--", "sh", "-c",
		`exec /usr/lib/postgresql/*/bin/psql -h /tmp -U postgres -d auth -Atc "$0"`, statement))
}
