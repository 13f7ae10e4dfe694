package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
)

// Definitions returns a folder with the CustomResourceDefinitions of Azure Service Operator, for
// tests. dev/tools/aso generates them from the operator's module, once per version and list of API
// versions. An *UnavailableError means that the module cannot be downloaded.
func (t Toolchain) Definitions(ctx context.Context) (string, error) {
	source := t.Checkout.Path("dev", "tools", "aso")
	hash := sha256.New()
	for _, file := range []string{"go.mod", "main.go", filepath.Join("api", "api.go")} {
		content, err := os.ReadFile(filepath.Join(source, file))
		if err != nil {
			return "", err
		}
		hash.Write(content)
	}
	folder := t.Checkout.Local("aso", hex.EncodeToString(hash.Sum(nil))[:16])
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	if _, err := t.Sources(ctx, "aso", "github.com/Azure/azure-service-operator/v2"); err != nil {
		return "", &UnavailableError{err}
	}
	return folder, t.generate(ctx, source, folder)
}

// generate makes folder appear when all definitions are written, and removes those of other
// versions.
func (t Toolchain) generate(ctx context.Context, source, folder string) error {
	all := filepath.Dir(folder)
	if err := os.RemoveAll(all); err != nil {
		return err
	}
	if err := os.MkdirAll(all, 0o750); err != nil {
		return err
	}
	made, err := os.MkdirTemp(all, "new-")
	if err != nil {
		return err
	}
	t.Console.Printf("Generating the definitions of Azure Service Operator (about 1 minute on two cores, once)")
	cmd := exec.CommandContext(ctx, "go", "run", ".", made)
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if err := t.run(cmd, "generating definitions"); err != nil {
		return err
	}
	return os.Rename(made, folder)
}

// UnavailableError is the failure of a download.
type UnavailableError struct{ cause error }

func (e *UnavailableError) Error() string { return e.cause.Error() }

func (e *UnavailableError) Unwrap() error { return e.cause }
