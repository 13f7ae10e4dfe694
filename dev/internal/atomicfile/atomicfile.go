// Package atomicfile replaces files without a moment at which half of one is
// there.
package atomicfile

import (
	"os"
	"path/filepath"
)

// Write writes a file that only we may read, whole or not at all: a reader sees
// the old content or the new one, and a full disk leaves the old one.
func Write(path string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // the first fault is the one to tell
	}
	return err
}
