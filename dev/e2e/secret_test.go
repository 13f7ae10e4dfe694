package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/dev/e2e/internal/search"
	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/system"
)

// minSecrets is the minimum number of secrets for a meaningful search: a signing key, a key for KOS
// tokens, five passwords, six copies of three clients' credentials.
const minSecrets = 10

// leaks searches logs, environments and command lines for secrets, and the logs of apps, sidecars
// and ingress for personal data.
func leaks() []string {
	texts := search.Secrets(whole.secrets)
	if len(texts) < minSecrets {
		return []string{fmt.Sprintf("only %d secrets are known", len(texts))}
	}
	var found []string
	report := func(where string, what []string, err error) {
		if err != nil {
			found = append(found, fmt.Sprintf("%s cannot be searched: %v", where, err))
		}
		for _, name := range what {
			found = append(found, fmt.Sprintf("%s: %s", where, name))
		}
	}
	for _, role := range whole.parts.Roles() {
		for _, path := range whole.parts.Logs(role) {
			what, err := texts.InFile(path)
			report(path, what, err)
			if !slices.Contains(servers, role) {
				what, err = search.PersonalData(path, names.all())
				report(path, what, err)
			}
		}
		if whole.remote != nil {
			continue // its processes are on another machine
		}
		what, err := inProcesses(role, texts)
		report("the processes of "+string(role), what, err)
	}
	return found
}

// inProcesses returns the secrets in the environments and command lines of a part's processes.
func inProcesses(role system.Role, texts search.Texts) ([]string, error) {
	pid, err := whole.system.PID(role)
	if err != nil {
		return nil, err
	}
	first, err := proc.Get(pid)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, process := range first.Family() {
		for _, file := range []string{"environ", "cmdline"} {
			content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(process.PID), file))
			if err != nil {
				continue // the process has ended, like helpers of PostgreSQL
			}
			found = append(found, texts.In(content)...)
		}
	}
	return found, nil
}

// TestNoSecretsInLogs makes the system log as much as possible and searches the logs. The search is
// repeated after all tests.
func TestNoSecretsInLogs(t *testing.T) {
	t.Parallel()
	singly(t)
	c := subscriber(t)
	for n := range 3 {
		c.see(t, api.Month(n))
	}
	c.Inquire(c.Line, "2026-13")
	c.Inquire("01099999999", "")
	c.History("lineNumber=" + c.Line)
	c.History("lineNumber=" + c.Line + "x")
	anonymous(t).With(c.Tokens.Access[:len(c.Tokens.Access)-2]).Menu()
	anonymous(t).Login(c.UserID, c.Password+"x")
	anonymous(t).Register(c.Registration)
	anonymous(t).Refresh(c.Tokens.Access)
	for _, leak := range leaks() {
		t.Error(leak)
	}
}

func TestRepositoryContainsNoSecrets(t *testing.T) {
	t.Parallel()
	locally(t)
	found, err := search.Secrets(whole.secrets).InHistory(whole.checkout.Root)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) > 0 {
		t.Errorf("commits contain %s", strings.Join(found, ", "))
	}
}

func TestSecretsAreReadableByTheirOwnerOnly(t *testing.T) {
	t.Parallel()
	locally(t)
	for _, path := range []string{whole.checkout.Secrets(), whole.checkout.Local("pgpass")} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %s", path, info.Mode())
		}
	}
}
