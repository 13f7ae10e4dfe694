// Package toolchain provides the programs of the local system: Dapr's, found, downloaded or built at
// the versions of dev/tools; the servers, from the distribution's packages; and our own apps.
package toolchain

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/disk"
)

// Toolchain provides programs for a checkout. It reports long operations on the console.
type Toolchain struct {
	Checkout checkout.Checkout
	Console  *console.Console

	patience patience // with downloads; the default if zero
}

// Tool is a program pinned by a module of dev/tools.
type Tool struct {
	name     string // of the program
	folder   string // its module's folder in dev/tools
	module   string // the module whose required version is the tool's
	command  string // the program's package
	version  string // the linker variable for the version
	tags     string
	asked    []string // arguments that print the version; default: --version
	takes    string   // displayed build time
	releases string   // address of released archives; none if empty
}

// The tools.
var (
	// Daprd is the Dapr runtime with the components that Dapr calls stable.
	Daprd = Tool{
		name: "daprd", folder: "daprd", module: "github.com/dapr/dapr", command: "github.com/dapr/dapr/cmd/daprd",
		version: "github.com/dapr/dapr/pkg/buildinfo.version", tags: "stablecomponents", takes: "6 minutes",
		releases: "https://github.com/dapr/dapr/releases/download",
	}
	// Dapr is the CLI that runs apps with their sidecars.
	Dapr = Tool{
		name: "dapr", folder: "dapr", module: "github.com/dapr/cli", command: "github.com/dapr/cli",
		version: "main.version", takes: "2 minutes",
		releases: "https://github.com/dapr/cli/releases/download",
	}
	// Lint is golangci-lint.
	Lint = Tool{
		name: "golangci-lint", folder: "lint", module: "github.com/golangci/golangci-lint/v2",
		command: "github.com/golangci/golangci-lint/v2/cmd/golangci-lint",
		version: "main.version", takes: "4 minutes",
	}
	// Helm renders and installs the charts.
	Helm = Tool{
		name: "helm", folder: "helm", module: "helm.sh/helm/v4", command: "helm.sh/helm/v4/cmd/helm",
		version: "helm.sh/helm/v4/internal/version.version", asked: []string{"version", "--short"}, takes: "5 minutes",
	}
	// Collector is the OpenTelemetry collector with the parts of dev/tools/collector.
	Collector = Tool{
		name: "collector", folder: "collector", module: "go.opentelemetry.io/collector/otelcol", command: ".",
		version: "main.version", takes: "4 minutes",
	}
)

// buildSpace is the disk space for building a tool, in bytes: its sources, the build cache and the
// program.
const buildSpace = 4 << 30

// Tool returns the path of a tool of exactly the pinned version: provided before, installed on the
// machine, downloaded, or built.
func (t Toolchain) Tool(ctx context.Context, tool Tool) (string, error) {
	version, err := t.Checkout.ToolVersion(ctx, tool.folder, tool.module)
	if err != nil {
		return "", err
	}
	own := t.Checkout.Bin(tool.name)
	for _, path := range append([]string{own}, installed(tool.name)...) {
		if tool.versionOf(ctx, path) == version {
			return path, nil
		}
	}
	return own, t.obtain(ctx, tool, version, own)
}

// obtain downloads a tool, or builds it if that is impossible.
func (t Toolchain) obtain(ctx context.Context, tool Tool, version, path string) error {
	if tool.releases != "" {
		err := t.download(ctx, tool, version, path)
		if err == nil || ctx.Err() != nil {
			return err
		}
		t.Console.Printf("%s %s is built, because it cannot be downloaded: %v", tool.name, version, err)
	}
	return t.build(ctx, tool, version, path)
}

// installed returns the paths where a program may be installed.
func installed(name string) []string {
	var paths []string
	if path, err := exec.LookPath(name); err == nil {
		paths = append(paths, path)
	}
	if home, err := os.UserHomeDir(); err == nil {
		paths = append(paths, filepath.Join(home, ".dapr", "bin", name)) // by `dapr init`
	}
	return paths
}

var versionPattern = regexp.MustCompile(`\d+\.\d+\.\d+[-+.\w]*`)

// versionOf returns the first version that a program prints, or "".
func (t Tool) versionOf(ctx context.Context, path string) string {
	asked := t.asked
	if len(asked) == 0 {
		asked = []string{"--version"}
	}
	out, err := exec.CommandContext(ctx, path, asked...).Output()
	if err != nil {
		return ""
	}
	return versionPattern.FindString(string(out))
}

func (t Toolchain) build(ctx context.Context, tool Tool, version, path string) error {
	t.Console.Printf("Building %s %s (about %s on two cores, once)", tool.name, version, tool.takes)
	if err := disk.Check(t.Checkout.Local(), buildSpace); err != nil {
		return err
	}
	args := []string{"build", "-ldflags", "-s -w -X " + tool.version + "=" + version, "-o", path + ".new"}
	if tool.tags != "" {
		args = append(args, "-tags", tool.tags)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, tool.command)...)
	cmd.Dir = t.Checkout.Path("dev", "tools", tool.folder)
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if err := t.run(cmd, "building "+tool.name); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// BuildApps builds the apps in the given folders; each binary has its folder's name. Go's build
// cache makes repeated builds fast, and a commit alone does not invalidate it.
func (t Toolchain) BuildApps(ctx context.Context, folders []string) error {
	args := append([]string{"build", "-buildvcs=false", "-o", t.Checkout.Local("bin") + string(filepath.Separator)}, folders...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = t.Checkout.Root
	return t.run(cmd, "building the apps")
}

// run runs a command; if it fails, its output is part of the error.
func (t Toolchain) run(cmd *exec.Cmd, what string) error {
	defer t.Console.Wait(what, nil)()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", what, err, strings.TrimSpace(string(out)))
	}
	return nil
}
