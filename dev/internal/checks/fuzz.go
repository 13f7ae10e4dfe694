package checks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// target is a fuzz test.
type target struct{ name, pkg string }

// Fuzz runs every fuzz target of the workspace sequentially, each for the duration given as
// argument, such as 60s. It continues after a failure and returns all of them; failing inputs are
// in the targets' testdata.
func Fuzz(ctx context.Context, args []string) error {
	w, err := open(ctx)
	if err != nil {
		return err
	}
	targets, err := w.targets(ctx)
	if err != nil {
		return err
	}
	var found error
	for _, t := range targets {
		w.out.Printf("== %s in %s", t.name, t.pkg)
		err := w.run(ctx, w.Root, nil, "go", "test", "-run=^$", "-fuzz=^"+t.name+"$", "-fuzztime="+strings.Join(args, ""), t.pkg)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			found = errors.Join(found, fmt.Errorf("%s in %s: %w", t.name, t.pkg, err))
		}
	}
	if found == nil {
		w.out.Printf("No failures: %d targets, %s each.", len(targets), strings.Join(args, ""))
	}
	return found
}

// targets returns the fuzz targets of all packages except those that need the whole system.
func (w workspace) targets(ctx context.Context) ([]target, error) {
	packages, _, err := w.packages(ctx)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-list=^Fuzz"}, packages...)...)
	cmd.Dir, cmd.Stderr = w.Root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go test -list: %w", err)
	}
	return listed(string(out)), nil
}

// listed parses the output of `go test -list`: the names of a package's tests, followed by the
// package.
func listed(output string) []target {
	var targets []target
	var names []string
	for line := range strings.Lines(output) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 1 && strings.HasPrefix(fields[0], "Fuzz"):
			names = append(names, fields[0])
		case len(fields) > 1 && fields[0] == "ok":
			for _, name := range names {
				targets = append(targets, target{name, fields[1]})
			}
			names = nil
		}
	}
	return targets
}
