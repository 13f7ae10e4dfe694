package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ErrNotInstalled is returned if no PostgreSQL server is installed.
var ErrNotInstalled = errors.New("no PostgreSQL server is installed")

// Installed reports whether the machine has a PostgreSQL server.
func Installed() bool { return len(candidates()) > 0 }

// candidates returns the folders with a server's programs, Debian's newest first. Debian does not
// put them on the PATH.
func candidates() []string {
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well formed
	slices.SortFunc(folders, func(a, b string) int { return debianVersion(b) - debianVersion(a) })
	if path, err := exec.LookPath("postgres"); err == nil {
		if resolved, err := filepath.EvalSymlinks(path); err == nil {
			folders = append(folders, filepath.Dir(resolved))
		}
	}
	return slices.DeleteFunc(folders, func(folder string) bool {
		return !exists(filepath.Join(folder, "postgres")) || !exists(filepath.Join(folder, "initdb"))
	})
}

// Programs returns the folder of the newest server's programs.
func Programs() (string, error) {
	folders := candidates()
	if len(folders) == 0 {
		return "", ErrNotInstalled
	}
	return folders[0], nil
}

func debianVersion(folder string) int {
	version, err := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	if err != nil {
		return 0
	}
	return version
}

// programs returns the folder of the programs to use: the newest, or those of the version that
// created the cluster, because others cannot read it.
func (s Server) programs(ctx context.Context) (string, error) {
	newest, err := Programs()
	if err != nil {
		return "", err
	}
	content, err := os.ReadFile(filepath.Join(s.cluster(), "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return newest, nil
	}
	if err != nil {
		return "", err
	}
	wanted := strings.TrimSpace(string(content))
	for _, folder := range candidates() {
		out, err := exec.CommandContext(ctx, filepath.Join(folder, "postgres"), "--version").Output()
		if err != nil {
			return "", fmt.Errorf("%s/postgres --version: %w", folder, err)
		}
		if majorVersion(string(out)) == wanted {
			return folder, nil
		}
	}
	return "", fmt.Errorf("the data in %s was created by PostgreSQL %s, which is not installed: install it, or drop the data with `make clean`", s.Dir, wanted)
}

var versionPattern = regexp.MustCompile(`\d+`)

func majorVersion(output string) string { return versionPattern.FindString(output) }
