package secrets

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/phonebill/phonebill/dev/internal/checkout"
)

// namespacePattern matches a namespace's name.
var namespacePattern = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// tokenKey is the key of a token in its Kubernetes Secret, as Dapr expects it.
const tokenKey = "token"

// tokens returns the names of an app's tokens: the one that the sidecar requires, and the one that
// it sends.
func tokens(app string) []string {
	return []string{"dapr-api-token-" + app, "app-api-token-" + app}
}

// Written is the result of WriteCluster: the number of Secrets, the number of new ones, and the
// file that stores them.
type Written struct {
	Secrets, New int
	File         string
}

// WriteCluster writes, as Kubernetes Secrets, what apps need in a namespace without a vault: a
// Secret for each secret, with one key of the same name, and the tokens of the sidecars. Each
// namespace of a checkout has its own secrets, which stay the same.
func WriteCluster(out io.Writer, root checkout.Checkout, namespace string, apps []string) (Written, error) {
	if !namespacePattern.MatchString(namespace) {
		return Written{}, fmt.Errorf("%q is not a valid namespace", namespace)
	}
	file := root.Local("clusters", namespace+".json")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return Written{}, err
	}
	before, err := Load(file)
	if err != nil {
		return Written{}, err
	}
	keys := make(map[string]string) // by token name
	for _, app := range apps {
		for _, name := range tokens(app) {
			keys[name] = tokenKey
		}
	}
	set, err := Ensure(file, slices.Sorted(maps.Keys(keys))...)
	if err != nil {
		return Written{}, err
	}
	encoder := yaml.NewEncoder(out)
	encoder.SetIndent(2)
	for _, name := range slices.Sorted(maps.Keys(set)) {
		key := keys[name]
		if key == "" {
			key = name
		}
		if err := encoder.Encode(manifestOf(namespace, name, map[string]string{key: set[name]})); err != nil {
			return Written{}, err
		}
	}
	return Written{Secrets: len(set), New: len(set) - len(before), File: file}, encoder.Close()
}

// manifest is a Kubernetes Secret.
type manifest struct {
	APIVersion string            `yaml:"apiVersion"`
	Kind       string            `yaml:"kind"`
	Metadata   metadata          `yaml:"metadata"`
	Type       string            `yaml:"type"`
	StringData map[string]string `yaml:"stringData"`
}

type metadata struct {
	Name      string            `yaml:"name"`
	Namespace string            `yaml:"namespace"`
	Labels    map[string]string `yaml:"labels"`
}

func manifestOf(namespace, name string, values map[string]string) manifest {
	return manifest{
		APIVersion: "v1", Kind: "Secret", Type: "Opaque", StringData: values,
		Metadata: metadata{Name: name, Namespace: namespace, Labels: map[string]string{
			"app.kubernetes.io/part-of": "phonebill", "app.kubernetes.io/managed-by": "cluster-secrets",
		}},
	}
}
