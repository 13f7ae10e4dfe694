package images

import (
	"bytes"
	"fmt"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// descriptions are the image descriptions shown by registries.
var descriptions = map[string]string{
	"auth-service":           "Registers PhoneBill's customers, logs them in and signs their tokens",
	"bill-inquiry-service":   "Answers what a PhoneBill customer's phone bill is",
	"product-change-service": "Changes the plan of a PhoneBill customer's line",
	"web-portal":             "Shows PhoneBill's customers their bills and plans",
	"kos-mock-service":       "Stands in for KOS, the carrier's order system, in development",
}

// labels returns the labels defined by the OCI image specification.
func (b Builder) labels(app string) map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       app,
		"org.opencontainers.image.description": descriptions[app],
		"org.opencontainers.image.source":      "https://github.com/phonebill/phonebill",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.version":     b.Release.Version,
		"org.opencontainers.image.revision":    b.Release.Revision,
		"org.opencontainers.image.created":     b.Release.Created.Format(time.RFC3339),
	}
}

// assemble returns the image of an app: from scratch, with one layer for the users, which all apps
// share, and one for the program and its SBOM.
func (b Builder) assemble(app string, program, sbom []byte) (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.ConfigFile(image, b.config(app))
	if err != nil {
		return nil, err
	}
	layers := []struct {
		what  string
		files []file
	}{
		{"users", users()},
		{app + " and its bill of materials", []file{{entrypoint(app), 0o555, program}, {sbomPath(app), 0o444, sbom}}},
	}
	for _, l := range layers {
		if image, err = b.add(image, l.what, l.files); err != nil {
			return nil, fmt.Errorf("layer of %s: %w", l.what, err)
		}
	}
	annotated, ok := mutate.Annotations(image, b.labels(app)).(v1.Image)
	if !ok {
		return nil, fmt.Errorf("annotating made an image into something else")
	}
	return annotated, nil
}

// config returns the image configuration.
func (b Builder) config(app string) *v1.ConfigFile {
	return &v1.ConfigFile{
		OS: "linux", Architecture: b.Arch, Created: v1.Time{Time: b.Release.Created},
		RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{
			User: user + ":" + user, Entrypoint: []string{entrypoint(app)}, WorkingDir: "/",
			ExposedPorts: map[string]struct{}{"8080/tcp": {}}, Labels: b.labels(app),
		},
	}
}

func (b Builder) add(image v1.Image, what string, files []file) (v1.Image, error) {
	content, err := archiveOf(b.Release.Created, files)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(
		func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
		tarball.WithMediaType(types.OCILayer),
	)
	if err != nil {
		return nil, err
	}
	return mutate.Append(image, mutate.Addendum{
		Layer: layer, MediaType: types.OCILayer,
		History: v1.History{Created: v1.Time{Time: b.Release.Created}, CreatedBy: "make images: " + what},
	})
}
