package runfile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Swap returns the run template at path with absolute paths, so that it can be stored in any folder,
// and with another folder of resources in place of one, both absolute.
func Swap(path, folder, other string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var template struct {
		Version int
		Name    string
		Common  map[string]any
		Apps    []map[string]any
	}
	if err := yaml.Unmarshal(content, &template); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	dir := filepath.Dir(path)
	file, err := parse(content, dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	at := slices.Index(file.Resources, folder)
	if at < 0 {
		return nil, fmt.Errorf("%s has no resources in %s", path, folder)
	}
	file.Resources[at] = other
	template.Common["resourcesPaths"] = file.Resources
	if runtime, ok := template.Common["runtimePath"].(string); ok {
		template.Common["runtimePath"] = absolute(dir, runtime)
	}
	for i, app := range file.Apps {
		template.Apps[i]["appDirPath"] = app.Dir
	}
	return yaml.Marshal(template)
}
