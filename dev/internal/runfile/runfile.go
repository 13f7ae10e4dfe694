// Package runfile reads dapr.yaml, the run template of `dapr run -f`. It is the single source for
// the apps, their ports and their environment.
package runfile

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"
)

// File is a run template.
type File struct {
	Apps []App
	// Resources are the folders of resources that all sidecars read, absolute.
	Resources []string
}

// App is an app with its sidecar.
type App struct {
	ID               string            `yaml:"appID"`
	Dir              string            `yaml:"appDirPath"` // absolute after Load
	Port             int               `yaml:"appPort"`
	HTTPPort         int               `yaml:"daprHTTPPort"`
	GRPCPort         int               `yaml:"daprGRPCPort"`
	InternalGRPCPort int               `yaml:"daprInternalGRPCPort"`
	MetricsPort      int               `yaml:"metricsPort"`
	ConfigFile       string            `yaml:"configFilePath"`
	Command          []string          `yaml:"command"`
	Env              map[string]string `yaml:"env"` // including the common part after Load
}

// Load reads the run template at path.
func Load(path string) (File, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return File{}, err
	}
	file, err := parse(content, filepath.Dir(path))
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

func parse(content []byte, dir string) (File, error) {
	var template struct {
		Common struct {
			Env       map[string]string `yaml:"env"`
			Resources []string          `yaml:"resourcesPaths"`
		} `yaml:"common"`
		Apps []App `yaml:"apps"`
	}
	if err := yaml.Unmarshal(content, &template); err != nil {
		return File{}, err
	}
	for i := range template.Apps {
		app := &template.Apps[i]
		if app.ID == "" || app.Dir == "" || len(app.Env) == 0 {
			// The CLI crashes on an app without env if there is a common one.
			return File{}, fmt.Errorf("app %d needs an appID, an appDirPath and an env", i+1)
		}
		app.Dir = absolute(dir, app.Dir)
		env := maps.Clone(template.Common.Env)
		if env == nil {
			env = make(map[string]string)
		}
		maps.Copy(env, app.Env)
		app.Env = env
	}
	file := File{Apps: template.Apps}
	for _, folder := range template.Common.Resources {
		file.Resources = append(file.Resources, absolute(dir, folder))
	}
	return file, nil
}

// absolute returns a path relative to dir, unless it is absolute.
func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// Environ returns the environment that `dapr run` adds for the app, sorted.
func (a App) Environ() []string {
	environ := make([]string, 0, len(a.Env))
	for _, key := range slices.Sorted(maps.Keys(a.Env)) {
		environ = append(environ, key+"="+a.Env[key])
	}
	return environ
}

// Port is a port that the system listens on.
type Port struct {
	Number int
	Use    string // description
}

// Ports returns the ports of the app and of its sidecar.
func (a App) Ports() []Port {
	return []Port{
		{a.Port, a.ID},
		{a.HTTPPort, "the HTTP API of " + a.ID + "'s sidecar"},
		{a.GRPCPort, "the gRPC API of " + a.ID + "'s sidecar"},
		{a.InternalGRPCPort, "the sidecar of " + a.ID + " for other sidecars"},
		{a.MetricsPort, "the metrics of " + a.ID + "'s sidecar"},
	}
}
