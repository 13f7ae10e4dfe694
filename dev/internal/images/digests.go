package images

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/phonebill/phonebill/dev/internal/atomicfile"
)

// DigestsFile is the name of a Helm values file that pins exactly the built images: pass it to
// `helm install -f` last.
const DigestsFile = "digests.yaml"

func writeDigests(path string, images []Image) error {
	type reference struct {
		Tag    string `yaml:"tag"`
		Digest string `yaml:"digest"`
	}
	type values struct {
		Image reference `yaml:"image"`
	}
	apps := make(map[string]values)
	for _, image := range images {
		apps[image.App] = values{reference{Tag: image.Tag, Digest: image.Digest}}
	}
	var out bytes.Buffer
	_, _ = fmt.Fprintln(&out, "# Values for the charts, written by `make images`: exactly the images that it built.")
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(apps); err != nil {
		return err
	}
	return atomicfile.Write(path, out.Bytes())
}
