package resources

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// ofDapr are options that Dapr itself reads for any component.
var ofDapr = map[string][]string{
	"state":  {"keyPrefix"},
	"pubsub": {"publishingScopes", "subscriptionScopes"},
}

// ofAzure are options for Azure authentication; the component's description refers to them as a
// profile.
var ofAzure = []string{"azureAuthMethods", "azureClientId", "azureTenantId"}

// unknown are options that are not read, each with a reason.
var unknown = map[string][]string{"secretstores.local.file": {"generation"}}

// description is the description of a component in components-contrib.
type description struct {
	Type, Name, Version, Status string
	Capabilities                []string
	Metadata                    []option
	AuthenticationProfiles      []profile `yaml:"authenticationProfiles"`
	BuiltinProfiles             []profile `yaml:"builtinAuthenticationProfiles"`
}

type profile struct {
	Name     string
	Metadata []option
}

type option struct {
	Name          string
	Required      bool
	Sensitive     bool
	AllowedValues []string `yaml:"allowedValues"`
}

// components returns the folder of the components module of daprd.
func components(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", "github.com/dapr/components-contrib")
	cmd.Dir, cmd.Env = repository(t).Path("dev", "tools", "daprd"), append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go mod download: %v\n%s", err, out)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	return module.Dir
}

// describe reads the description of a component: that of state.redis is in state/redis, that of
// state.postgresql v2, which has several versions, in state/postgresql/v2.
func describe(t *testing.T, folder, component, version string) description {
	t.Helper()
	folder = filepath.Join(folder, filepath.FromSlash(strings.ReplaceAll(component, ".", "/")))
	content, err := os.ReadFile(filepath.Join(folder, "metadata.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		content, err = os.ReadFile(filepath.Join(folder, version, "metadata.yaml"))
	}
	if err != nil {
		t.Fatalf("%s %s has no description: %v", component, version, err)
	}
	var d description
	if err := yaml.Unmarshal(content, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// options returns the options of a component.
func (d description) options() map[string]option {
	known := make(map[string]option)
	for _, p := range slices.Concat(d.BuiltinProfiles, d.AuthenticationProfiles) {
		for _, o := range p.Metadata {
			o.Required = false // required for this authentication only
			known[o.Name] = o
		}
		if p.Name == "azuread" {
			for _, name := range ofAzure {
				known[name] = option{Name: name}
			}
		}
	}
	for _, name := range ofDapr[d.Type] {
		known[name] = option{Name: name}
	}
	for _, o := range d.Metadata {
		known[o.Name] = o
	}
	for _, name := range unknown[d.Type+"."+d.Name] {
		known[name] = option{Name: name}
	}
	return known
}

// TestComponentOptionsExist: Dapr silently ignores unknown options, and the schema of a
// Component accepts any.
func TestComponentOptionsExist(t *testing.T) {
	t.Parallel()
	folder := components(t)
	for environment := range environments {
		for _, r := range load(t, "components", environment) {
			if r.Kind == "Component" {
				checkOptions(t, environment+"/"+r.Metadata.Name, r, describe(t, folder, r.Spec.Type, r.Spec.Version))
			}
		}
	}
}

func checkOptions(t *testing.T, name string, r resource, d description) {
	t.Helper()
	if d.Version != r.Spec.Version || d.Status != "stable" {
		t.Errorf("%s: %s %s is described as %s, %s", name, r.Spec.Type, r.Spec.Version, d.Version, d.Status)
	}
	known := d.options()
	given := make(map[string]bool)
	for _, item := range r.Spec.Metadata {
		o, exists := known[item.Name]
		given[item.Name] = true
		switch {
		case !exists:
			t.Errorf("%s: %s has no option %s", name, r.Spec.Type, item.Name)
		case o.Sensitive && item.SecretKeyRef.Name == "":
			t.Errorf("%s: %s is not from the secret store", name, item.Name)
		case len(o.AllowedValues) > 0 && !slices.Contains(o.AllowedValues, item.Value):
			t.Errorf("%s: %s is %q, not one of %v", name, item.Name, item.Value, o.AllowedValues)
		}
	}
	for _, o := range known {
		if o.Required && !given[o.Name] {
			t.Errorf("%s: %s is missing", name, o.Name)
		}
	}
}
