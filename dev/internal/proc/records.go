package proc

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/phonebill/phonebill/dev/internal/atomicfile"
)

// Records remembers in a folder which processes were started, one file per
// name, so that they are found again after the death of who started them.
type Records struct{ Dir string }

// record is the content of a file. Start times count from the boot, so they
// mean nothing after another one.
type record struct {
	Process

	Boot string `json:"boot"`
}

// Save remembers a process by name, instead of an earlier one.
func (r Records) Save(name string, process Process) error {
	content, err := json.Marshal(record{Process: process, Boot: bootID()})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return err
	}
	return atomicfile.Write(r.path(name), content)
}

// Remove forgets a name.
func (r Records) Remove(name string) error {
	if err := os.Remove(r.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// All returns what is remembered, dead or alive. Records of an earlier boot
// and files that are no records are left out.
func (r Records) All() (map[string]Process, error) {
	entries, err := os.ReadDir(r.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	all := make(map[string]Process)
	boot := bootID()
	for _, entry := range entries {
		name, isRecord := strings.CutSuffix(entry.Name(), recordExt)
		if !isRecord {
			continue
		}
		content, err := os.ReadFile(filepath.Join(r.Dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		var rec record
		if json.Unmarshal(content, &rec) == nil && rec.Boot == boot {
			all[name] = rec.Process
		}
	}
	return all, nil
}

const recordExt = ".json"

func (r Records) path(name string) string { return filepath.Join(r.Dir, name+recordExt) }

// bootID tells one boot of the machine from another.
func bootID() string {
	content, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(content))
}
