package components

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write catalogue.json")

// ofAzure are options for Azure authentication; descriptions refer to them as a profile.
var ofAzure = []string{"azureAuthMethods", "azureClientId", "azureTenantId"}

// metadata is a metadata.yaml of components-contrib.
type metadata struct {
	Type, Name, Version, Status string
	Capabilities                []string
	Metadata                    []metadataOption
	AuthenticationProfiles      []profile `yaml:"authenticationProfiles"`
	BuiltinProfiles             []profile `yaml:"builtinAuthenticationProfiles"`
}

type profile struct {
	Name     string
	Metadata []metadataOption
}

type metadataOption struct {
	Name          string
	Required      bool
	Sensitive     bool
	AllowedValues []string `yaml:"allowedValues"`
}

// undescribed are capabilities that a component's metadata file omits. A real daprd reports them.
var undescribed = map[string][]string{"state.redis": {"ttl"}, "state.sqlite": {"crud", "etag", "ttl"}}

// eitherOr are options of which one suffices, although the metadata file requires each.
var eitherOr = map[string][]string{"secretstores.hashicorp.vault": {"vaultToken", "vaultTokenMountPath"}}

// TestCatalogueIsThatOfThePinnedDapr compares catalogue.json with the metadata files of the components
// module that the pinned daprd is built from.
func TestCatalogueIsThatOfThePinnedDapr(t *testing.T) {
	t.Parallel()
	want := make(map[string]description)
	for _, kind := range []string{"state", "pubsub", "secretstores"} {
		err := filepath.WalkDir(filepath.Join(module(t), kind), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.Name() != "metadata.yaml" {
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			var m metadata
			if err := yaml.Unmarshal(content, &m); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			want[m.Type+"."+m.Name+"/"+m.Version] = m.description()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if *update {
		write(t, want)
		return
	}
	if diff := cmp.Diff(want, catalogue()); diff != "" {
		t.Errorf("catalogue.json (-metadata files +catalogue); update it with `go test ./internal/components -run Catalogue -args -update`:\n%s", diff)
	}
}

// module returns the folder of the components module.
func module(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", "github.com/dapr/components-contrib")
	cmd.Dir, cmd.Env = "../../tools/daprd", append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go mod download: %v\n%s", err, out)
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal(out, &downloaded); err != nil {
		t.Fatal(err)
	}
	return downloaded.Dir
}

// description returns what the catalogue has of a component, corrected.
func (m metadata) description() description {
	name := m.Type + "." + m.Name
	d := description{Status: m.Status, Options: make(map[string]rule)}
	for _, capability := range slices.Concat(m.Capabilities, undescribed[name]) {
		d.Capabilities = append(d.Capabilities, strings.ToLower(capability))
	}
	for _, p := range slices.Concat(m.BuiltinProfiles, m.AuthenticationProfiles) {
		for _, o := range p.Metadata {
			o.Required = false // for this way of authentication only
			o.AllowedValues = slices.Concat(d.Options[o.Name].Allowed, o.AllowedValues)
			d.Options[o.Name] = o.rule()
		}
		if p.Name == "azuread" {
			for _, name := range ofAzure {
				d.Options[name] = rule{}
			}
		}
	}
	for _, o := range m.Metadata {
		o.Required = o.Required && !slices.Contains(eitherOr[name], o.Name)
		d.Options[o.Name] = o.rule()
	}
	return d
}

func (o metadataOption) rule() rule {
	return rule{Required: o.Required, Sensitive: o.Sensitive, Allowed: o.AllowedValues}
}

// write writes the catalogue, one component a line.
func write(t *testing.T, all map[string]description) {
	t.Helper()
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	var text bytes.Buffer
	for i, name := range names {
		line, err := json.Marshal(all[name])
		if err != nil {
			t.Fatal(err)
		}
		separator := ","
		if i == 0 {
			separator = "{"
		}
		fmt.Fprintf(&text, "%s\n  %q: %s", separator, name, line)
	}
	text.WriteString("\n}\n")
	if err := os.WriteFile("catalogue.json", text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
