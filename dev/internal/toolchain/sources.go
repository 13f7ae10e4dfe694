package toolchain

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
)

// Sources returns the folder with a module's files, at the version required by dev/tools/<folder>.
// Go downloads the module, without its dependencies, if necessary.
func (t Toolchain) Sources(ctx context.Context, folder, module string) (string, error) {
	version, err := t.Checkout.ToolVersion(ctx, folder, module)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", module+"@v"+version)
	cmd.Dir = os.TempDir() // outside of any module, whose requirements would apply
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	var downloaded struct{ Dir, Error string }
	if parsed := json.Unmarshal(out, &downloaded); parsed == nil && downloaded.Error != "" {
		return "", fmt.Errorf("download %s: %s", module, downloaded.Error)
	}
	if err != nil {
		return "", fmt.Errorf("download %s: %w", module, err)
	}
	return downloaded.Dir, nil
}
