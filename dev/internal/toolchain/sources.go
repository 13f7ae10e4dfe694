package toolchain

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
)

// Sources returns the folder with the files of a module, at the version that
// dev/tools/<folder> requires. Go downloads it where it does not have it yet.
// Nothing that the module requires is looked at.
func (t Toolchain) Sources(ctx context.Context, folder, module string) (string, error) {
	version, err := t.Checkout.ToolVersion(ctx, folder, module)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", module+"@v"+version)
	cmd.Dir = os.TempDir() // within no module, whose requirements would count
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
