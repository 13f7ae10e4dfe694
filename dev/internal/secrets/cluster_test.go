package secrets_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/secrets"
)

// kubernetesSecret is a Kubernetes Secret.
type kubernetesSecret struct {
	APIVersion string `yaml:"apiVersion"`
	Kind, Type string
	Metadata   struct {
		Name, Namespace string
		Labels          map[string]string
	}
	StringData map[string]string `yaml:"stringData"`
}

func written(t *testing.T, root checkout.Checkout, namespace string) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := secrets.WriteCluster(&out, root, namespace, []string{"auth-service", "kos-mock-service"}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestWriteClusterWritesASecretForEachName(t *testing.T) {
	t.Parallel()
	root := checkout.Checkout{Root: t.TempDir()}
	got := make(map[string][]string)
	decoder := yaml.NewDecoder(bytes.NewReader(written(t, root, "phonebill")))
	for {
		var s kubernetesSecret
		err := decoder.Decode(&s)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if s.APIVersion != "v1" || s.Kind != "Secret" || s.Type != "Opaque" || s.Metadata.Namespace != "phonebill" ||
			s.Metadata.Labels["app.kubernetes.io/managed-by"] != "cluster-secrets" {
			t.Errorf("%s: %+v", s.Metadata.Name, s.Metadata)
		}
		for key, value := range s.StringData {
			got[s.Metadata.Name] = append(got[s.Metadata.Name], key)
			if len(value) < 32 {
				t.Errorf("%s is short", s.Metadata.Name)
			}
		}
	}
	want := map[string][]string{
		"dapr-api-token-auth-service": {"token"}, "app-api-token-auth-service": {"token"},
		"dapr-api-token-kos-mock-service": {"token"}, "app-api-token-kos-mock-service": {"token"},
	}
	for name := range ensure(t, root.Secrets()) {
		want[name] = []string{name}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys by name (-want +got):\n%s", diff)
	}
}

func TestEachNamespaceHasItsOwnSecretsAndKeepsThem(t *testing.T) {
	t.Parallel()
	root := checkout.Checkout{Root: t.TempDir()}
	first := written(t, root, "one")
	if !bytes.Equal(first, written(t, root, "one")) {
		t.Error("the second time the secrets differ")
	}
	another := bytes.ReplaceAll(written(t, root, "two"), []byte("namespace: two"), []byte("namespace: one"))
	lines := bytes.Split(first, []byte("\n"))
	for _, line := range bytes.Split(another, []byte("\n")) {
		if len(line) > 60 && slices.ContainsFunc(lines, func(l []byte) bool { return bytes.Equal(l, line) }) {
			t.Errorf("both have %.40s…", line)
		}
	}
	for _, namespace := range []string{"", "../x", "Upper", "a/b", "-a"} {
		t.Run(namespace, func(t *testing.T) {
			if _, err := secrets.WriteCluster(io.Discard, root, namespace, nil); err == nil {
				t.Errorf("%q was accepted as a namespace", namespace)
			}
		})
	}
}

// TestWrittenCounts checks the counts that the command prints.
func TestWrittenCounts(t *testing.T) {
	t.Parallel()
	root := checkout.Checkout{Root: t.TempDir()}
	apps := []string{"auth-service"}
	first, err := secrets.WriteCluster(io.Discard, root, "one", apps)
	if err != nil || first.New != first.Secrets || first.Secrets < 10 || first.File != root.Local("clusters", "one.json") {
		t.Fatalf("the first time: %+v, %v", first, err)
	}
	again, err := secrets.WriteCluster(io.Discard, root, "one", append(apps, "kos-mock-service"))
	if err != nil || again.New != 2 || again.Secrets != first.Secrets+2 {
		t.Errorf("with an app more: %+v, %v", again, err)
	}
}
