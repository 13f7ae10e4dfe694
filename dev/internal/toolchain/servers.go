package toolchain

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/phonebill/phonebill/dev/internal/postgres"
)

//go:embed install.sh
var installScript string

// Servers are the paths of the servers' programs, except PostgreSQL's, which package postgres
// finds.
type Servers struct {
	Redis, Nginx string
}

// Servers returns the servers' programs and installs missing packages if this user may.
func (t Toolchain) Servers(ctx context.Context) (Servers, error) {
	if missing := missingPackages(); len(missing) > 0 {
		if err := t.install(ctx, missing); err != nil {
			return Servers{}, err
		}
		if missing = missingPackages(); len(missing) > 0 {
			return Servers{}, fmt.Errorf("installed, but not found: %s", strings.Join(missing, ", "))
		}
	}
	return Servers{Redis: find("redis-server"), Nginx: find("nginx")}, nil
}

// RabbitMQ installs RabbitMQ if it is missing. Package rabbitmq starts it.
func (t Toolchain) RabbitMQ(ctx context.Context) (string, error) {
	return t.provide(ctx, []string{"/usr/lib/rabbitmq/bin/rabbitmq-server"}, "rabbitmq-server")
}

// Pooler returns the program of pgbouncer, a connection pooler for tests, and installs it if
// missing.
func (t Toolchain) Pooler(ctx context.Context) (string, error) {
	return t.provide(ctx, []string{"pgbouncer"}, "pgbouncer")
}

// Browser returns the program of Chromium, for tests, and installs it with a Korean font if
// missing.
func (t Toolchain) Browser(ctx context.Context) (string, error) {
	return t.provide(ctx, []string{"chromium", "chromium-browser", "google-chrome"}, "chromium", "fonts-nanum")
}

// Prometheus returns the program of Prometheus, and installs it if missing.
func (t Toolchain) Prometheus(ctx context.Context) (string, error) {
	return t.provide(ctx, []string{"prometheus"}, "prometheus")
}

// Promtool returns the program that tests Prometheus's rules, and installs it with Prometheus if
// missing.
func (t Toolchain) Promtool(ctx context.Context) (string, error) {
	return t.provide(ctx, []string{"promtool"}, "prometheus")
}

// Alertmanager returns the program of Alertmanager, and installs it if missing.
func (t Toolchain) Alertmanager(ctx context.Context) (string, error) {
	return t.provide(ctx, []string{"prometheus-alertmanager"}, "prometheus-alertmanager")
}

// provide returns the path of the first program of names that exists. If there is none, it installs
// Debian packages.
func (t Toolchain) provide(ctx context.Context, names []string, packages ...string) (string, error) {
	if path := first(names); path != "" {
		return path, nil
	}
	if err := t.install(ctx, packages); err != nil {
		return "", err
	}
	if path := first(names); path != "" {
		return path, nil
	}
	return "", fmt.Errorf("installed, but not found: %s", names[0])
}

// first returns the path of the first program that exists, or "".
func first(names []string) string {
	for _, name := range names {
		if path := find(name); path != "" {
			return path
		}
	}
	return ""
}

// missingPackages returns the Debian packages of missing servers.
func missingPackages() []string {
	var missing []string
	if !postgres.Installed() {
		missing = append(missing, "postgresql")
	}
	for _, server := range []string{"redis-server", "nginx"} { // program and package have the same name
		if find(server) == "" {
			missing = append(missing, server)
		}
	}
	return missing
}

// find returns the path of a program, also in the sbin folders, which only root has on the PATH.
func find(name string) string {
	for _, path := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	return ""
}

func (t Toolchain) install(ctx context.Context, packages []string) error {
	command := "apt-get update && apt-get install --no-install-recommends " + strings.Join(packages, " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("missing on this machine: %s; install them (these are Debian's names) and start again", strings.Join(packages, ", "))
	}
	shell := []string{"sh", "-s", "--"}
	if os.Geteuid() != 0 {
		if exec.CommandContext(ctx, "sudo", "-n", "true").Run() != nil {
			return fmt.Errorf("missing on this machine: %s; this user may not install them, so do it with: sudo sh -c '%s'",
				strings.Join(packages, ", "), command)
		}
		shell = append([]string{"sudo", "-n"}, shell...)
	}
	t.Console.Printf("Installing packages: %s", command)
	t.Console.Printf("  (their system services are not started: PhoneBill runs servers of its own)")
	cmd := exec.CommandContext(ctx, shell[0], append(shell[1:], packages...)...)
	cmd.Stdin = strings.NewReader(installScript)
	// Not killed with the context, because the script has to clean up.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	return t.run(cmd, "installing packages")
}
