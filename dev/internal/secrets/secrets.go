// Package secrets generates the secrets of a local system, and of a cluster without a vault. They
// are random, generated once per checkout and stored in a file that git ignores. The Dapr component
// secret-store reads that file; its names are the same in every environment.
package secrets

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/phonebill/phonebill/dev/internal/atomicfile"
)

// Set contains secrets by name.
type Set map[string]string

// Ensure returns the secrets of the file at path: those of the services and the given passwords. It
// creates the file with mode 0600 and adds missing secrets; it never changes existing ones.
func Ensure(path string, passwords ...string) (Set, error) {
	set, err := Load(path)
	if err != nil {
		return nil, err
	}
	added, err := set.complete(passwords)
	if err != nil {
		return nil, err
	}
	if added {
		content, err := json.MarshalIndent(set, "", "  ")
		if err != nil {
			return nil, err
		}
		if err := atomicfile.Write(path, append(content, '\n')); err != nil {
			return nil, fmt.Errorf("write the secrets: %w", err)
		}
	}
	return set, os.Chmod(path, 0o600)
}

// Load returns the secrets of the file at path; empty if it does not exist.
func Load(path string) (Set, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Set{}, nil
	}
	if err != nil {
		return nil, err
	}
	set := Set{}
	if err := json.Unmarshal(content, &set); err != nil {
		return nil, fmt.Errorf("%s holds no JSON object of strings (%w): mend it, or remove it and `make clean` the data that it protects", path, err)
	}
	return set, nil
}

// complete adds missing secrets and reports whether there were any.
func (s Set) complete(passwords []string) (bool, error) {
	added := false
	wanted := slices.Clone(all)
	for _, name := range passwords {
		wanted = append(wanted, secret{name, password})
	}
	for _, secret := range wanted {
		if s[secret.name] != "" {
			continue
		}
		value, err := secret.make(s)
		if err != nil {
			return false, fmt.Errorf("generate the secret %s: %w", secret.name, err)
		}
		s[secret.name], added = value, true
	}
	return added, nil
}
