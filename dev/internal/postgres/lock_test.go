package postgres

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

func TestRemoveStaleLockRemovesOnlyWhatKeepsTheServerFromStarting(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		content string
		removed bool
	}{
		"of a running process":  {strconv.Itoa(os.Getpid()) + "\n/some/where\n", true},
		"of a server that died": {"4194305\n", false}, // above the maximum process id
		"invalid":               {"x", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := Server{Dir: t.TempDir()}
			if err := os.Mkdir(server.cluster(), 0o700); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(server.cluster(), "postmaster.pid")
			if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			err := server.removeStaleLock(runAs{})
			if broken := test.content == "x"; (err != nil) != broken {
				t.Errorf("error %v", err)
			}
			if removed := !exists(file); removed != test.removed {
				t.Errorf("removed: %t", removed)
			}
		})
	}
}

func TestProgramsRefusesDataOfAnotherVersion(t *testing.T) {
	t.Parallel()
	if !Installed() {
		t.Skip("PostgreSQL is not installed")
	}
	server := Server{Dir: t.TempDir()}
	if err := os.Mkdir(server.cluster(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(server.cluster(), "PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if bin, err := server.programs(t.Context()); err == nil {
		t.Errorf("%s accepts the data of version 9", bin)
	}
}
