package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/phonebill/phonebill/dev/internal/atomicfile"
)

// runAs is the user to run the server as. The zero value is the current user.
type runAs struct {
	credential *syscall.Credential
	caps       []uintptr
}

// account returns the user to run the server as, because PostgreSQL refuses to run as root. The
// other user keeps one of root's capabilities, to traverse folders, because a checkout may be below
// a private home.
func account() (runAs, error) {
	if os.Geteuid() != 0 {
		return runAs{}, nil
	}
	owner, err := user.Lookup("postgres")
	if err != nil {
		if owner, err = user.Lookup("nobody"); err != nil {
			return runAs{}, fmt.Errorf("PostgreSQL does not run as root, and neither of the users postgres and nobody exists: %w", err)
		}
	}
	uid, err := strconv.ParseUint(owner.Uid, 10, 32)
	if err != nil {
		return runAs{}, err
	}
	gid, err := strconv.ParseUint(owner.Gid, 10, 32)
	if err != nil {
		return runAs{}, err
	}
	caps, err := traversalCapabilities()
	return runAs{credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, caps: caps}, err
}

// traversalCapabilities returns the weakest available capability that allows traversing folders.
// Containers often lack the first one and have the second.
func traversalCapabilities() ([]uintptr, error) {
	const capDACOverride, capDACReadSearch = 1, 2
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(status)) {
		value, isPermitted := strings.CutPrefix(line, "CapPrm:")
		if !isPermitted {
			continue
		}
		permitted, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		if err != nil {
			return nil, err
		}
		for _, capability := range []uintptr{capDACReadSearch, capDACOverride} {
			if permitted&(1<<capability) != 0 {
				return []uintptr{capability}, nil
			}
		}
	}
	return nil, nil
}

// initialise creates the cluster in a temporary place and renames it when it is complete, so that
// an interruption or a full disk leaves no partial one.
func (s Server) initialise(ctx context.Context, bin string, as runAs) error {
	unfinished := s.cluster() + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	if err := os.Mkdir(unfinished, 0o700); err != nil {
		return err
	}
	bits := make([]byte, 32)
	_, _ = rand.Read(bits) // never fails
	if err := atomicfile.Write(s.passwordFile(), []byte(hex.EncodeToString(bits))); err != nil {
		return err
	}
	if as.credential != nil {
		for _, path := range []string{unfinished, s.passwordFile()} {
			if err := os.Chown(path, int(as.credential.Uid), int(as.credential.Gid)); err != nil {
				return err
			}
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"),
		"--pgdata="+unfinished, "--username="+Superuser, "--pwfile="+s.passwordFile(),
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions")
	cmd.Dir, cmd.Env = "/", environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as.credential, AmbientCaps: as.caps}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return os.Rename(unfinished, s.cluster())
}
