package toolchain

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/console"
)

// program writes an executable shell script.
func program(t *testing.T, path, script string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// pinning returns the toolchain of a temporary checkout that pins a tool at 1.2.3.
func pinning(t *testing.T) (Toolchain, Tool) {
	t.Helper()
	root := checkout.Checkout{Root: t.TempDir()}
	dir := root.Path("dev", "tools", "tool")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	const mod = "module example.com/tool\n\ngo 1.26\n\nrequire example.com/the/tool v1.2.3\n"
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o600); err != nil {
		t.Fatal(err)
	}
	tool := Tool{name: "the-tool", folder: "tool", module: "example.com/the/tool", command: "example.com/the/tool"}
	return Toolchain{Checkout: root, Console: console.New(io.Discard)}, tool
}

func TestExistingToolIsUsed(t *testing.T) {
	tools, tool := pinning(t)
	onPath, inHome := t.TempDir(), t.TempDir()
	config, err := os.UserConfigDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CONFIG_HOME", config) // where the go command writes, also after it has ended
	t.Setenv("HOME", inHome)
	t.Setenv("PATH", onPath+":"+os.Getenv("PATH"))
	for _, place := range []string{
		filepath.Join(inHome, ".dapr", "bin", "the-tool"),
		filepath.Join(onPath, "the-tool"),
		tools.Checkout.Bin("the-tool"),
	} {
		program(t, place, "echo tool version: 1.2.3, of today")
		if got, err := tools.Tool(t.Context(), tool); err != nil || got != place {
			t.Errorf("got %s, %v; want %s", got, err, place)
		}
	}
}

func TestToolVersionArguments(t *testing.T) {
	t.Parallel()
	tools, tool := pinning(t)
	tool.asked = []string{"version", "--short"}
	program(t, tools.Checkout.Bin("the-tool"), `[ "$*" = "version --short" ] && echo v1.2.3`)
	if got, err := tools.Tool(t.Context(), tool); err != nil || got != tools.Checkout.Bin("the-tool") {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestSourcesAreThoseOfThePinnedVersion(t *testing.T) {
	t.Setenv("GOPROXY", "off")
	tools, _ := pinning(t)
	const module = "example.com/the/tool"
	if dir, err := tools.Sources(t.Context(), "tool", module); err == nil || !strings.Contains(err.Error(), "v1.2.3") {
		t.Errorf("a module that cannot be had: %s, %v", dir, err)
	}
	if _, err := tools.Sources(t.Context(), "tool", "example.com/another"); err == nil {
		t.Error("found a module that is not pinned")
	}
}

func TestToolOfAnotherVersionIsNotUsed(t *testing.T) {
	tools, tool := pinning(t)
	onPath := t.TempDir()
	t.Setenv("PATH", onPath+":"+os.Getenv("PATH"))
	t.Setenv("GOFLAGS", "-mod=mod")
	t.Setenv("GOPROXY", "off")
	program(t, filepath.Join(onPath, "the-tool"), "echo 1.2.30")
	program(t, tools.Checkout.Bin("the-tool"), "exit 1")
	path, err := tools.Tool(t.Context(), tool)
	if err == nil || !strings.Contains(err.Error(), "building the-tool") {
		t.Errorf("instead of building it, got %s, %v", path, err)
	}
}

// TestInstallScript runs the script with a fake apt-get that prints its arguments. It is skipped on
// a machine where the script would write a policy.
func TestInstallScript(t *testing.T) {
	if _, err := os.Stat("/usr/sbin/policy-rc.d"); err != nil {
		t.Skip("the script would change this machine")
	}
	fakes := t.TempDir()
	program(t, filepath.Join(fakes, "apt-get"), `echo "$DEBIAN_FRONTEND: $*"`)
	t.Setenv("PATH", fakes+":"+os.Getenv("PATH"))
	cmd := exec.CommandContext(t.Context(), "sh", "-s", "--", "nginx", "redis-server")
	cmd.Stdin = strings.NewReader(installScript)
	out, err := cmd.CombinedOutput()
	want := "noninteractive: update\nnoninteractive: install --yes --no-install-recommends nginx redis-server\n"
	if err != nil || string(out) != want {
		t.Errorf("%v, %s", err, out)
	}
	if _, err := os.Stat("/usr/sbin/policy-rc.d"); err != nil {
		t.Errorf("the machine's own policy: %v", err)
	}
}

func TestFailedBuildReportsCompilerOutput(t *testing.T) {
	t.Parallel()
	root := checkout.Checkout{Root: t.TempDir()}
	if err := os.WriteFile(root.Path("go.mod"), []byte("module example.com/x\n\ngo 1.26\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(root.Path("main.go"), []byte("package main\n\nfunc main() { undefined() }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tools := Toolchain{Checkout: root, Console: console.New(io.Discard)}
	if err := tools.BuildApps(t.Context(), []string{"."}); err == nil || !strings.Contains(err.Error(), "undefined: undefined") {
		t.Errorf("error %v", err)
	}
}
