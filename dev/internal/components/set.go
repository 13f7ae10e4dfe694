package components

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/phonebill/phonebill/dev/internal/atomicfile"
)

// Overlay returns base with the resources of over instead of those of the same name, checked with
// Check.
func Overlay(base, over []Resource) ([]Resource, error) {
	if err := Check(base, over); err != nil {
		return nil, err
	}
	set := slices.Clone(base)
	for _, r := range over {
		set[index(set, r.Metadata.Name)] = r
	}
	return set, nil
}

func index(set []Resource, name string) int {
	return slices.IndexFunc(set, func(r Resource) bool { return r.Metadata.Name == name })
}

// Write writes the resources to an empty folder, which it creates or empties.
func Write(folder string, set []Resource) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for _, r := range set {
		if err := atomicfile.Write(filepath.Join(folder, r.Metadata.Name+".yaml"), r.text); err != nil {
			return err
		}
	}
	return nil
}

// Find returns the folder of an operator's components: an alternative of components/alternatives, by
// its name, or a path.
func Find(alternatives, name string) (string, error) {
	for _, folder := range []string{filepath.Join(alternatives, name), name} {
		if info, err := os.Stat(folder); err == nil && info.IsDir() {
			return folder, nil
		}
	}
	entries, err := os.ReadDir(alternatives)
	if err != nil {
		return "", err
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return "", fmt.Errorf("%s is neither a folder nor one of %s: %v", name, alternatives, names)
}

// Secrets returns the names of the secrets that the resources refer to, sorted.
func Secrets(set []Resource) []string {
	var names []string
	for _, r := range set {
		for _, option := range r.Spec.Metadata {
			if name := option.SecretKeyRef.Name; name != "" {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
