// Package disk checks free disk space.
package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Check returns an error if fewer than need bytes are available at path, which need not exist yet.
func Check(path string, need uint64) error {
	place := existing(path)
	var fs syscall.Statfs_t
	if err := syscall.Statfs(place, &fs); err != nil {
		return fmt.Errorf("look at the free space of %s: %w", place, err)
	}
	if free := fs.Bavail * uint64(fs.Bsize); free < need { //nolint:gosec // a block has a positive size
		return fmt.Errorf("the disk is full: %d MiB are free at %s, and %d MiB are needed", free>>20, place, need>>20)
	}
	return nil
}

// existing returns the nearest existing parent of path.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			return path
		}
		path = filepath.Dir(path)
	}
}
