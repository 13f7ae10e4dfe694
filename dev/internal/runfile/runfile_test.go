package runfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/runfile"
)

func load(t *testing.T, content string) (runfile.File, string, error) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "dapr.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := runfile.Load(path)
	return file, dir, err
}

func TestLoadMergesTheCommonEnvironment(t *testing.T) {
	t.Parallel()
	file, dir, err := load(t, `
version: 1
common:
  env: {SHARED: common, KEPT: common}
apps:
  - {appID: one, appDirPath: ./apps/one, appPort: 1, daprHTTPPort: 2, daprGRPCPort: 3, daprInternalGRPCPort: 4, metricsPort: 5,
     command: [./one], env: {SHARED: own}}
  - {appID: two, appDirPath: ./apps/two, env: {ONLY: two}}
`)
	if err != nil {
		t.Fatal(err)
	}
	one := file.Apps[0]
	if diff := cmp.Diff([]string{"KEPT=common", "SHARED=own"}, one.Environ()); diff != "" {
		t.Errorf("environment of one (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"KEPT=common", "ONLY=two", "SHARED=common"}, file.Apps[1].Environ()); diff != "" {
		t.Errorf("environment of two (-want +got):\n%s", diff)
	}
	if one.Dir != filepath.Join(dir, "apps", "one") {
		t.Errorf("folder %s", one.Dir)
	}
	for i, port := range one.Ports() {
		if port.Number != i+1 || port.Use == "" {
			t.Errorf("port %d is %+v", i+1, port)
		}
	}
}

func TestLoadRefusesInvalidTemplates(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"no id":    "apps: [{appDirPath: x, env: {A: b}}]",
		"no dir":   "apps: [{appID: x, env: {A: b}}]",
		"no env":   "apps: [{appID: x, appDirPath: x}]",
		"not YAML": "apps: [",
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := load(t, content); err == nil {
				t.Errorf("%s: no error", name)
			}
		})
	}
}

// TestSwapReplacesAFolder reads the result from another folder.
func TestSwapReplacesAFolder(t *testing.T) {
	t.Parallel()
	_, dir, err := load(t, `
version: 1
name: phonebill
common:
  runtimePath: ./runtime
  resourcesPaths: [./components/local, ./resiliency]
  placementHostAddress: ""
  env: {SHARED: common}
apps:
  - {appID: one, appDirPath: ./apps/one, appPort: 1, configFilePath: ../../one.yaml, command: [./one], env: {OWN: one}}
`)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "dapr.yaml")
	if _, err := runfile.Swap(path, filepath.Join(dir, "other"), "/swapped"); err == nil {
		t.Error("a folder that the template does not have is replaced")
	}
	swapped, err := runfile.Swap(path, filepath.Join(dir, "components", "local"), "/swapped")
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := load(t, string(swapped))
	if err != nil {
		t.Fatal(err)
	}
	want, err := runfile.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	want.Resources[0] = "/swapped"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, kept := range []string{"runtimePath: " + filepath.Join(dir, "runtime"), `placementHostAddress: ""`, "version: 1", "name: phonebill"} {
		if !strings.Contains(string(swapped), kept) {
			t.Errorf("%s is missing:\n%s", kept, swapped)
		}
	}
}
