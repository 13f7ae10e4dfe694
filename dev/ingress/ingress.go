// Package ingress runs the local ingress, an nginx through which clients reach the
// public API and nothing else. Its configuration, nginx.conf.tmpl, is that of
// charts/edge too, which links to it: Helm and this package render the same file.
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

// Config says which ingress to run.
type Config struct {
	Binary string // nginx
	Dir    string // for the configuration and temporary files, created where missing
	Log    string
	Port   int
	Host   string // of the apps; this machine if empty
	Apps   []runfile.App
}

// Start starts the ingress. It does not wait until it answers.
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
		// The prefix needs the slash: nginx puts file names behind it as it is.
		Args: []string{"nginx", "-p", cfg.Dir + "/", "-c", file},
		Env:  []string{"PATH=" + os.Getenv("PATH")},
		Dir:  cfg.Dir,
		Log:  cfg.Log,
	})
}

// values are the keys of the template that the local ingress has a value for.
type values struct {
	Apps                         map[string]string
	Listen, Workers, User, Probe string
	Behind                       bool
}

// render returns the configuration. As root, nginx would change to a user that
// may have no way into the checkout.
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
