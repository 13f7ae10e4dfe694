// Package ingress runs the local ingress, an nginx that routes only the public API. Its
// configuration, nginx.conf.tmpl, is shared with charts/edge: Helm and this package render the same
// file.
package ingress

import (
	"cmp"
	_ "embed"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	"github.com/phonebill/phonebill/dev/internal/atomicfile"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/runfile"
)

//go:embed nginx.conf.tmpl
var source string

var configuration = template.Must(template.New("nginx.conf").Parse(source))

// Config configures an ingress.
type Config struct {
	Binary string // nginx
	Dir    string // for configuration and temporary files, created if missing
	Log    string
	Port   int
	Host   string // of the apps; loopback if empty
	Apps   []runfile.App
}

// Start starts the ingress. It does not wait until it is ready.
func Start(cfg Config) (*proc.Child, error) {
	rendered, err := cfg.render(os.Geteuid() == 0)
	if err != nil {
		return nil, err
	}
	return cfg.run(rendered)
}

// run starts nginx with a configuration.
func (cfg Config) run(rendered string) (*proc.Child, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(cfg.Dir, "nginx.conf")
	if err := atomicfile.Write(file, []byte(rendered)); err != nil {
		return nil, err
	}
	return proc.Start(proc.Spec{
		Path: cfg.Binary,
		// The prefix needs the slash, because nginx appends file names to it directly.
		Args: []string{"nginx", "-p", cfg.Dir + "/", "-c", file},
		Env:  []string{"PATH=" + os.Getenv("PATH")},
		Dir:  cfg.Dir,
		Log:  cfg.Log,
	})
}

// values are the template keys that the local ingress sets.
type values struct {
	Apps                         map[string]string
	Listen, Workers, User, Probe string
	Behind                       bool
}

// render returns the configuration. As root, nginx would switch to a user that may have no access
// to the checkout.
func (cfg Config) render(root bool) (string, error) {
	const loopback = "127.0.0.1"
	data := values{Apps: make(map[string]string), Listen: address(loopback, cfg.Port), Workers: "auto"}
	for _, app := range cfg.Apps {
		data.Apps[app.ID] = address(cmp.Or(cfg.Host, loopback), app.Port)
	}
	if root {
		data.User = "root"
	}
	var out strings.Builder
	err := configuration.Execute(&out, data)
	return out.String(), err
}

func address(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
