// Package checks builds, formats, lints and tests every module of go.work.
package checks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/testenv"
	"github.com/phonebill/phonebill/dev/internal/toolchain"
	"github.com/phonebill/phonebill/dev/observe"
	"github.com/phonebill/phonebill/dev/system"
)

// workspace is the checkout with its modules.
type workspace struct {
	checkout.Checkout

	out     *console.Console
	stdout  io.Writer // of commands
	modules []checkout.Module
}

func open(ctx context.Context) (workspace, error) {
	root, err := checkout.Find(".")
	if err != nil {
		return workspace{}, err
	}
	modules, err := root.Modules(ctx)
	return workspace{Checkout: root, out: console.New(os.Stdout), stdout: os.Stdout, modules: modules}, err
}

// patterns match all packages of the workspace.
func (w workspace) patterns() []string {
	patterns := make([]string, 0, len(w.modules))
	for _, module := range w.modules {
		patterns = append(patterns, module.Path+"/...")
	}
	return patterns
}

// run runs a command in dir with env added to the environment, and prints its output. When the
// context ends, it sends the command an interrupt, so that it can stop its children.
func (w workspace) run(ctx context.Context, dir string, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = w.stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	err := cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err() // the command failed because of that
	}
	if err != nil {
		return fmt.Errorf("%s: %w", strings.Join(append([]string{name}, args[:min(2, len(args))]...), " "), err)
	}
	return nil
}

// Build compiles every package.
func Build(ctx context.Context, _ []string) error {
	w, err := open(ctx)
	if err != nil {
		return err
	}
	if err := w.run(ctx, w.Root, nil, "go", append([]string{"build"}, w.patterns()...)...); err != nil {
		return err
	}
	w.out.Printf("Every package of %d modules compiles.", len(w.modules))
	return nil
}

// Tidy runs go mod tidy in every module.
func Tidy(ctx context.Context, _ []string) error {
	w, err := open(ctx)
	if err != nil {
		return err
	}
	return w.saying("tidy", []string{"go.mod", "go.sum"}, func() error { return w.eachModule(ctx, "go", "mod", "tidy") })
}

// eachModule runs a command in every module and returns all errors.
func (w workspace) eachModule(ctx context.Context, name string, args ...string) error {
	var failed error
	for _, module := range w.modules {
		if err := w.run(ctx, module.Dir, nil, name, args...); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", module.Path, err))
		}
	}
	return failed
}

// Lint runs golangci-lint and reports modules that are not tidy.
func Lint(ctx context.Context, _ []string) error {
	w, tool, err := openWithLint(ctx)
	if err != nil {
		return err
	}
	return errors.Join(
		w.eachModule(ctx, tool, "run", "--allow-serial-runners", "./..."),
		w.eachModule(ctx, "go", "mod", "tidy", "-diff"),
	)
}

// Format formats every Go file.
func Format(ctx context.Context, _ []string) error {
	w, tool, err := openWithLint(ctx)
	if err != nil {
		return err
	}
	return w.saying("formatted", []string{".go"}, func() error { return w.eachModule(ctx, tool, "fmt", "./...") })
}

func openWithLint(ctx context.Context) (w workspace, tool string, err error) {
	if w, err = open(ctx); err != nil {
		return w, "", err
	}
	tool, err = w.toolchain().Tool(ctx, toolchain.Lint)
	return w, tool, err
}

// Test vets and tests every module with the race detector: first the unit and component tests, with
// servers started for them, then the tests of the whole system, which start it. With args it runs
// `go test` with them and the servers only.
func Test(ctx context.Context, args []string) error {
	w, err := open(ctx)
	if err != nil {
		return err
	}
	if len(args) > 0 {
		return w.withServers(ctx, append([]string{"test", "-race"}, args...))
	}
	packages, whole, err := w.packages(ctx)
	if err != nil {
		return err
	}
	w.out.Printf("== vet")
	if err := w.run(ctx, w.Root, nil, "go", append([]string{"vet"}, w.patterns()...)...); err != nil {
		return err
	}
	w.out.Printf("== unit and component tests")
	if err := w.testAlone(ctx, packages); err != nil {
		return err
	}
	w.out.Printf("== tests of the whole system")
	if err := w.provideAll(ctx); err != nil {
		return err
	}
	// A machine runs one system at a time, so these run sequentially.
	return w.testWhole(ctx, append([]string{"-p=1", "-race", "-shuffle=on"}, whole...)...)
}

// Whole runs a test of a package of dev/ that needs the whole system; args are the test's flags.
func Whole(folder, test string) func(ctx context.Context, args []string) error {
	return func(ctx context.Context, args []string) error {
		w, err := open(ctx)
		if err != nil {
			return err
		}
		return w.testWhole(ctx, append([]string{"-v", "-run=^" + test + "$", "./dev/" + folder, "-args"}, args...)...)
	}
}

// WholeBench runs a benchmark of a package of dev/ once, which needs the whole system; args are the
// benchmark's flags.
func WholeBench(folder, benchmark string) func(ctx context.Context, args []string) error {
	return func(ctx context.Context, args []string) error {
		w, err := open(ctx)
		if err != nil {
			return err
		}
		flags := []string{"-run=^$", "-bench=^" + benchmark + "$", "-benchtime=1x", "./dev/" + folder, "-args"}
		return w.testWhole(ctx, append(flags, args...)...)
	}
}

// Cluster runs the tests of package cluster on the cluster of KUBECONFIG; args are additional
// flags.
func Cluster(ctx context.Context, args []string) error {
	w, err := open(ctx)
	if err != nil {
		return err
	}
	args = append([]string{"test", "-count=1", "-timeout=60m", "-v", "./dev/cluster"}, args...)
	return w.run(ctx, w.Root, []string{"PHONEBILL_CLUSTER=1"}, "go", args...)
}

// packages returns all packages of the workspace; those that test the whole system are returned
// separately.
func (w workspace) packages(ctx context.Context) (packages, whole []string, err error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"list"}, w.patterns()...)...)
	cmd.Dir, cmd.Stderr = w.Root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, nil, fmt.Errorf("go list: %w", err)
	}
	for _, path := range strings.Fields(string(out)) {
		if slices.ContainsFunc([]string{"e2e", "chaos", "load"}, func(folder string) bool {
			return strings.Contains(path+"/", "/dev/"+folder+"/")
		}) {
			whole = append(whole, path)
		} else {
			packages = append(packages, path)
		}
	}
	return packages, whole, nil
}

func (w workspace) testAlone(ctx context.Context, packages []string) error {
	return w.withServers(ctx, append([]string{"test", "-race", "-shuffle=on"}, packages...))
}

// withServers runs go with each of the argument lists, with servers started for it.
func (w workspace) withServers(ctx context.Context, runs ...[]string) error {
	env, err := testenv.Start(ctx, w.Checkout, w.out)
	if err != nil {
		return err
	}
	for _, args := range runs {
		err = errors.Join(err, w.run(ctx, w.Root, env.Environ, "go", args...))
	}
	return errors.Join(err, env.Stop())
}

// provide builds tools that do not exist yet, before the tests that use them: a test's time limit does
// not allow for minutes of building.
func (w workspace) provide(ctx context.Context, tools ...toolchain.Tool) error {
	for _, tool := range tools {
		if _, err := w.toolchain().Tool(ctx, tool); err != nil {
			return err
		}
	}
	return nil
}

// provideAll installs what the tests of the whole system use besides the programs of testWhole and of
// the tests before.
func (w workspace) provideAll(ctx context.Context) error {
	tools := w.toolchain()
	for _, provide := range []func(context.Context) (string, error){tools.Browser, tools.Axe, tools.Prometheus, tools.Alertmanager} {
		if _, err := provide(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (w workspace) toolchain() toolchain.Toolchain {
	return toolchain.Toolchain{Checkout: w.Checkout, Console: w.out}
}

func (w workspace) testWhole(ctx context.Context, args ...string) error {
	if err := w.provide(ctx, toolchain.Dapr, toolchain.Daprd); err != nil {
		return err
	}
	args = append([]string{"test", "-count=1", "-timeout=90m"}, args...)
	err := w.run(ctx, w.Root, []string{"PHONEBILL_TEST_REQUIRED=1", "PHONEBILL_E2E=1"}, "go", args...)
	// Stop what crashed tests have left running.
	uncancelled := context.WithoutCancel(ctx)
	return errors.Join(err, observe.ClearLeftovers(uncancelled, w.Root), system.ClearLeftovers(uncancelled, w.Root, os.Stdout))
}
