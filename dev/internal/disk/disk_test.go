package disk_test

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/dev/internal/disk"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := disk.Check(filepath.Join(dir, "not", "yet"), 1); err != nil {
		t.Errorf("a byte: %v", err)
	}
	if err := disk.Check(filepath.Join(dir, "not", "yet"), math.MaxUint64); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("more than there is: %v", err)
	}
}
