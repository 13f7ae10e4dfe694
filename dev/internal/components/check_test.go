package components

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// local returns the resources of components/local.
func local(t *testing.T) []Resource {
	t.Helper()
	set, err := Read("../../../components/local")
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// folder writes a folder with one file.
func folder(t *testing.T, name, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

const store = `apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: session-store
spec:
  type: state.postgresql
  version: v2
  metadata:
    - name: host
      value: db.example
    - name: password
      secretKeyRef:
        name: database-password
        key: database-password
    - name: keyPrefix
      value: phonebill-session
auth:
  secretStore: secret-store
scopes:
  - auth-service
  - bill-inquiry-service
  - product-change-service
`

const subscription = `apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata:
  name: product-changed
spec:
  pubsubname: pubsub
  topic: product.changed.v1
  deadLetterTopic: product.changed.v1.dead
  routes:
    default: /events/product-changed
scopes:
  - bill-inquiry-service
  - product-change-service
`

func TestOverlayReplacesByName(t *testing.T) {
	t.Parallel()
	over, err := Read(folder(t, "session-store.yaml", store))
	if err != nil {
		t.Fatal(err)
	}
	base := local(t)
	set, err := Overlay(base, over)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range set {
		want := base[i].Spec.Type
		if r.Metadata.Name == "session-store" {
			want = "state.postgresql"
		}
		if r.Metadata.Name != base[i].Metadata.Name || r.Spec.Type != want {
			t.Errorf("%d: %s is %s, want %s", i, r.Metadata.Name, r.Spec.Type, want)
		}
	}
	written := filepath.Join(t.TempDir(), "set")
	if err := Write(written, set); err != nil {
		t.Fatal(err)
	}
	again, err := Read(written)
	if err != nil || len(again) != len(base) || again[index(again, "session-store")].Spec.Type != "state.postgresql" {
		t.Errorf("written and read: %d resources, %v", len(again), err)
	}
	if diff := cmp.Diff([]string{"database-password", "redis-auth-key", "redis-cache-auth-key"}, Secrets(set)); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
}

// TestWrongFoldersAreRefused changes a valid file and expects a fault in the changed line.
func TestWrongFoldersAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		file, text, old, new string
		want                 string // the message, after the name of the file
	}{
		"no YAML":      {"session-store.yaml", store, "spec:\n", "spec: [\n", "did not find expected"},
		"documents":    {"session-store.yaml", store, "scopes:", "---\nscopes:", "want one YAML document"},
		"file name":    {"session.yaml", store, "", "", ":4: the name is"},
		"unknown name": {"sessions.yaml", store, "session-store", "sessions", ":4: PhoneBill uses no sessions; the names are cache-store, "},
		"kind":         {"session-store.yaml", store, "kind: Component", "kind: HTTPEndpoint", `:2: the kind is "HTTPEndpoint", want Component`},
		"lost scope":   {"session-store.yaml", store, "  - auth-service\n", "", ":19: the scopes are [bill-inquiry-service product-change-service], want [auth-service "},
		"more scopes":  {"session-store.yaml", store, "scopes:\n", "scopes:\n  - web-portal\n", ":19: the scopes are "},
		"no scopes":    {"session-store.yaml", store, "scopes:\n  - auth-service\n  - bill-inquiry-service\n  - product-change-service\n", "", ":1: the scopes are []"},
		"class":        {"session-store.yaml", store, "state.postgresql", "pubsub.redis", `:6: session-store has to be of a type state.…, not "pubsub.redis"`},
		"no type":      {"session-store.yaml", store, "  type: state.postgresql\n", "", `:5: session-store has to be of a type state.…, not ""`},
		"unknown type": {"session-store.yaml", store, "state.postgresql", "state.postgres", ":6: the pinned Dapr has no state.postgres v2"},
		"version":      {"session-store.yaml", store, "v2", "v3", ":6: the pinned Dapr has no state.postgresql v3"},
		"alpha":        {"session-store.yaml", store, "state.postgresql\n  version: v2", "state.azure.tablestorage\n  version: v9", ":6: the pinned Dapr has no state.azure.tablestorage v9"},
		"no ETag":      {"session-store.yaml", store, "state.postgresql\n  version: v2", "state.memcached\n  version: v1", ":6: state.memcached lacks [etag], which session-store needs"},
		"option":       {"session-store.yaml", store, "name: host", "name: hots", ":9: state.postgresql has no option hots"},
		"missing":      {"session-store.yaml", store, "state.postgresql\n  version: v2", "state.redis\n  version: v1", ":8: state.redis needs the option redisHost"},
		"password":     {"session-store.yaml", store, "secretKeyRef:\n        name: database-password\n        key: database-password", "value: secret", ":11: password has to be from the secret store"},
		"prefix":       {"session-store.yaml", store, "phonebill-session", "appid", `:15: keyPrefix is "appid", want "phonebill-session"`},
		"no prefix":    {"session-store.yaml", store, "    - name: keyPrefix\n      value: phonebill-session\n", "", `:8: keyPrefix is "", want "phonebill-session"`},
		"secret store": {"session-store.yaml", store, "secretStore: secret-store", "secretStore: vault", `:18: auth.secretStore is "vault", want secret-store`},
		"consumers":    {"session-store.yaml", store, "name: host", "name: consumerID", ":9: consumerID is set by Dapr to the app-id"},
		"topic":        {"product-changed.yaml", subscription, "topic: product.changed.v1", "topic: product.changed.v2", `:7: topic is "product.changed.v2", want "product.changed.v1"`},
		"no letters":   {"product-changed.yaml", subscription, "  deadLetterTopic: product.changed.v1.dead\n", "", `:5: deadLetterTopic is "", want "product.changed.v1.dead"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(test.text, test.old) {
				t.Fatalf("%q is not in the file", test.old)
			}
			dir := folder(t, test.file, strings.Replace(test.text, test.old, test.new, 1))
			over, err := Read(dir)
			if err == nil {
				_, err = Overlay(local(t), over)
			}
			if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, test.file)) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

func TestRequiredTopicsOfEachApp(t *testing.T) {
	t.Parallel()
	base := local(t)
	pubsub := string(base[index(base, "pubsub")].text)
	const scope = "product-change-service=product.changed.v1,"
	over, err := Read(folder(t, "pubsub.yaml", strings.Replace(pubsub, scope, "product-change-service=", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(base, over); err == nil || !strings.Contains(err.Error(), "publishingScopes is ") {
		t.Errorf("a lost topic: %v", err)
	}
}

func TestEmptyFolderIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := Read(t.TempDir()); err == nil {
		t.Error("no error")
	}
}

func TestFindTakesNamesAndPaths(t *testing.T) {
	t.Parallel()
	alternatives, own := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(alternatives, "postgresql"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"postgresql": filepath.Join(alternatives, "postgresql"), own: own} {
		if got, err := Find(alternatives, name); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", name, got, err, want)
		}
	}
	if _, err := Find(alternatives, "postgres"); err == nil || !strings.Contains(err.Error(), "[postgresql]") {
		t.Errorf("an unknown name: %v", err)
	}
}

// TestEnvironmentsAreValid checks the folders of the repository with the rules for operators' folders.
func TestEnvironmentsAreValid(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob("../../../components/alternatives/*")
	if err != nil {
		t.Fatal(err)
	}
	folders = slices.DeleteFunc(folders, func(path string) bool { return filepath.Ext(path) != "" })
	for _, folder := range append(folders, "../../../components/local", "../../../components/kubernetes") {
		set, err := Read(folder)
		if err != nil {
			t.Fatal(err)
		}
		if err := Check(local(t), set); err != nil {
			t.Errorf("%s: %v", folder, err)
		}
	}
	if len(folders) < 7 {
		t.Errorf("the alternatives are %v", folders)
	}
	if !slices.ContainsFunc(local(t), func(r Resource) bool { return r.Kind == "Subscription" }) {
		t.Error("there is no subscription")
	}
}
