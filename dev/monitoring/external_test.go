package monitoring

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/toolchain"
)

// measure matches the name of a metric in Dapr's sources, as OpenCensus has it.
var measure = regexp.MustCompile(`"((?:[a-z_]+(?:\.io)?/)+[a-z_]+)"`)

// TestDaprHasTheMetrics looks for the names in the sources of the pinned Dapr.
func TestDaprHasTheMetrics(t *testing.T) {
	t.Parallel()
	tools := toolchain.Toolchain{Checkout: repository(t), Console: console.New(io.Discard)}
	dir, err := tools.Sources(t.Context(), "daprd", "github.com/dapr/dapr")
	if err != nil {
		t.Fatal(err)
	}
	exported := map[string]bool{}
	for _, folder := range []string{"diagnostics", "sentry"} {
		err := filepath.WalkDir(filepath.Join(dir, "pkg", folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" {
				return err
			}
			text, err := os.ReadFile(path)
			for _, found := range measure.FindAllStringSubmatch(string(text), -1) {
				exported["dapr_"+strings.NewReplacer("/", "_", ".", "_").Replace(found[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, program := range []string{"daprd", "Dapr Sentry"} {
		for _, name := range External[program] {
			if !exported[name] {
				t.Errorf("Dapr has no metric %s", name)
			}
		}
	}
}
