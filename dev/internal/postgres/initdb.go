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

// runAs is the user to run the server as. The zero value is our own.
type runAs struct {
	credential *syscall.Credential
	caps       []uintptr
}

// account returns the user to run the server as: PostgreSQL refuses to run as
// root. Its own user would not reach a checkout below a private home, so it
// keeps, of all of root's rights, the one to pass through folders.
func account() (runAs, error) {
	if os.Geteuid() != 0 {
		return runAs{}, nil
	}
	owner, err := user.Lookup("postgres")
	if err != nil {
		if owner, err = user.Lookup("nobody"); err != nil {
			return runAs{}, fmt.Errorf("PostgreSQL does not run as root, and there is neither a user postgres nor nobody: %w", err)
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
	caps, err := passage()
	return runAs{credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, caps: caps}, err
}

// passage returns the weakest capability of ours that opens folders. Containers
// often take the first away from root and leave the second.
func passage() ([]uintptr, error) {
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

// initialise creates the cluster beside its place and moves it there when it is
// complete: what an interruption or a full disk leaves is not taken for one.
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
