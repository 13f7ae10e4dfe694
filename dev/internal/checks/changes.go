package checks

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// saying runs do and prints which files of the modules with the given suffixes it has changed.
func (w workspace) saying(state string, suffixes []string, do func() error) error {
	before, err := w.contents(suffixes)
	if err != nil {
		return err
	}
	failed := do()
	after, err := w.contents(suffixes)
	if err != nil {
		return errors.Join(failed, err)
	}
	var changed []string
	for _, path := range slices.Sorted(maps.Keys(after)) {
		if before[path] != after[path] {
			changed = append(changed, w.Relative(path))
		}
	}
	switch {
	case len(changed) > 0:
		w.out.Printf("%d of %d files changed: %s", len(changed), len(after), strings.Join(changed, ", "))
	case failed == nil:
		w.out.Printf("All of %d files are %s already.", len(after), state)
	}
	return failed
}

// contents returns the checksums of the modules' files by path.
func (w workspace) contents(suffixes []string) (map[string][sha256.Size]byte, error) {
	sums := make(map[string][sha256.Size]byte)
	for _, module := range w.modules {
		root := os.DirFS(module.Dir)
		err := fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !slices.ContainsFunc(suffixes, func(end string) bool { return strings.HasSuffix(path, end) }) {
				return err
			}
			content, err := fs.ReadFile(root, path)
			sums[filepath.Join(module.Dir, path)] = sha256.Sum256(content)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return sums, nil
}
