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

// Records stores in a folder which processes were started, one file per name, so that they can be
// found after a crash of the process that started them.
type Records struct{ Dir string }

// record is the content of a file. Start times count from the boot, so a record is only valid for
// that boot.
type record struct {
	Process

	Boot string `json:"boot"`
}

// Save stores a process by name, replacing an earlier one.
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

// Remove removes a name.
func (r Records) Remove(name string) error {
	if err := os.Remove(r.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// All returns all stored processes, dead or alive, except those of an earlier boot. Invalid files
// are ignored.
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

// bootID identifies the current boot of the machine.
func bootID() string {
	content, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(content))
}
