package images

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// buildFlags make builds reproducible: no local paths and no commit of the whole repository. The
// Dockerfile uses the same flags.
var buildFlags = []string{"-trimpath", "-buildvcs=false"}

// linkerFlags omit debug information and set the version.
func linkerFlags(version string) string {
	return "-s -w -X github.com/phonebill/phonebill/apps/internal/telemetry.Version=" + version
}

// buildEnv overrides the machine's Go environment. Outside of the workspace, an app's go.mod alone
// determines its dependencies.
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
