package images

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// buildFlags make a program that depends on nothing but the sources: it has no
// path of this machine in it and no commit of the whole repository. The
// Dockerfile has the same.
var buildFlags = []string{"-trimpath", "-buildvcs=false"}

// linkerFlags leave out what only debuggers look at, and name the version.
func linkerFlags(version string) string {
	return "-s -w -X github.com/phonebill/phonebill/apps/internal/telemetry.Version=" + version
}

// buildEnv is what the compiler must not take from the machine. Outside of the
// workspace, an app's own go.mod alone says what it is built from.
func buildEnv(arch string) []string {
	return []string{
		"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch, "GOAMD64=v1", "GOARM64=v8.0",
		"GOWORK=off", "GOFLAGS=", "GOEXPERIMENT=", "GOFIPS140=off",
	}
}

// compile builds the program of an app.
func (b Builder) compile(ctx context.Context, app, program string) error {
	defer b.Console.Wait("building "+app, nil)()
	args := append([]string{"build", "-ldflags", linkerFlags(b.Release.Version), "-o", program}, buildFlags...)
	cmd := exec.CommandContext(ctx, "go", append(args, ".")...)
	cmd.Dir = b.Checkout.Path("apps", app)
	cmd.Env = append(os.Environ(), buildEnv(b.Arch)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
