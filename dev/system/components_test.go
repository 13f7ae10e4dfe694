package system

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/secrets"
)

// checkedOut returns an idle system with the repository's run template and components, and with an
// alternative that stores sessions in PostgreSQL.
func checkedOut(t *testing.T, folders ...string) *System {
	t.Helper()
	s := idle(t)
	s.folders = folders
	if err := os.CopyFS(s.checkout.Path("components", "local"), os.DirFS("../../components/local")); err != nil {
		t.Fatal(err)
	}
	template, err := os.ReadFile("../../dapr.yaml")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, s.checkout.Path("dapr.yaml"), string(template))
	writeFile(t, s.checkout.Path("components", "alternatives", "postgresql", "session-store.yaml"), sessionsInPostgres)
	writeFile(t, s.checkout.Path("components", "alternatives", "elsewhere", "session-store.yaml"),
		strings.Replace(sessionsInPostgres, "127.0.0.1", "db.example", 1))
	return s
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const sessionsInPostgres = `apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: session-store
spec:
  type: state.postgresql
  version: v2
  metadata:
    - { name: host, value: 127.0.0.1 }
    - { name: port, value: "15432" }
    - { name: database, value: states }
    - { name: user, value: keeper }
    - { name: password, secretKeyRef: { name: state-password, key: state-password } }
    - { name: keyPrefix, value: phonebill-session }
auth:
  secretStore: secret-store
scopes: [auth-service, bill-inquiry-service, product-change-service]
`

func TestComponentsOfTheCheckoutNeedNoSwap(t *testing.T) {
	t.Parallel()
	s := checkedOut(t)
	writeFile(t, s.checkout.Local("swap", "dapr.yaml"), "left by an earlier start")
	if err := s.swapComponents(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.runFile() != s.checkout.Path("dapr.yaml") || len(s.Apps) < 5 {
		t.Errorf("%s has %d apps", s.runFile(), len(s.Apps))
	}
	if diff := cmp.Diff([]Role{Postgres, Redis, RedisCache}, s.servers()); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
}

func TestSwappedComponentsBringTheirServers(t *testing.T) {
	t.Parallel()
	s := checkedOut(t, "postgresql")
	if err := s.swapComponents(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.provideSecrets(t.Context()); err != nil {
		t.Fatal(err)
	}
	databases := s.stateDatabases()
	if len(databases) != 1 || databases[0].Name != "states" || databases[0].Role != "keeper" || databases[0].Password != s.secrets["state-password"] || databases[0].Password == "" {
		t.Errorf("databases are %+v", databases)
	}
	if _, err := os.Stat(s.checkout.Local("swap", "components", "pubsub.yaml")); err != nil {
		t.Error(err)
	}
	if s.runFile() != s.checkout.Local("swap", "dapr.yaml") {
		t.Errorf("the run template is %s", s.runFile())
	}
	if !slices.Contains(s.servers(), Redis) { // for events
		t.Errorf("servers are %v", s.servers())
	}
}

// TestSecretsOfOtherServersHaveToExist: only passwords of servers that are started here are generated.
func TestSecretsOfOtherServersHaveToExist(t *testing.T) {
	t.Parallel()
	s := checkedOut(t, "elsewhere")
	if err := s.swapComponents(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.provideSecrets(t.Context()); err == nil || !strings.Contains(err.Error(), "the secret state-password: add it to "+s.checkout.Secrets()) {
		t.Errorf("a missing secret: %v", err)
	}
	if _, err := secrets.Ensure(s.checkout.Secrets(), "state-password"); err != nil {
		t.Fatal(err)
	}
	if err := s.provideSecrets(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWrongComponentsAreRefused(t *testing.T) {
	t.Parallel()
	s := checkedOut(t, "wrong")
	file := s.checkout.Path("components", "alternatives", "wrong", "session-store.yaml")
	writeFile(t, file, strings.Replace(sessionsInPostgres, "auth-service, ", "", 1))
	if err := s.swapComponents(t.Context()); err == nil || !strings.Contains(err.Error(), file+":17: the scopes are") {
		t.Errorf("a lost scope: %v", err)
	}
	if exists(s.checkout.Local("swap")) {
		t.Error("something is left of the refused components")
	}
}
