// Package images builds the container images of the apps without a container engine: a static
// program, its user and its SBOM, in an OCI archive. Builds are reproducible: the same sources and
// the same Go release give the same bytes.
package images

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/console"
)

// Release identifies the sources of the images.
type Release struct {
	// Version is the name of the release and the tag of its images.
	Version string
	// Revision is the commit.
	Revision string
	// Created is the commit's time. Everything in an image has this time.
	Created time.Time
}

// Builder builds the images of a release.
type Builder struct {
	Checkout checkout.Checkout
	Console  *console.Console
	Release  Release
	// Arch is the target GOARCH: amd64, arm64.
	Arch string
}

// Image is a built image.
type Image struct {
	App    string
	Tag    string
	Digest string // of its manifest: sha256:…
}

// Archive returns the name of an app's archive in the images folder.
func Archive(app string) string { return app + ".tar" }

// SBOM returns the name of an app's SBOM (CycloneDX) in the images folder.
func SBOM(app string) string { return app + ".cdx.json" }

// Folder returns the images folder of a checkout.
func Folder(c checkout.Checkout) string { return c.Local("images") }

// Build builds the images of apps into the images folder, with a values file that pins them.
func (b Builder) Build(ctx context.Context, apps []string) ([]Image, error) {
	folder := Folder(b.Checkout)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	images := make([]Image, 0, len(apps))
	for _, app := range apps {
		image, err := b.build(ctx, app, folder)
		if err != nil {
			return nil, fmt.Errorf("image of %s: %w", app, err)
		}
		images = append(images, image)
	}
	return images, writeDigests(filepath.Join(folder, DigestsFile), images)
}

// build writes the archive and the SBOM of an app to folder.
func (b Builder) build(ctx context.Context, app, folder string) (Image, error) {
	scratch, err := os.MkdirTemp(folder, ".build-")
	if err != nil {
		return Image{}, err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	file := filepath.Join(scratch, app)
	if err := b.compile(ctx, app, file); err != nil {
		return Image{}, err
	}
	program, err := os.ReadFile(file)
	if err != nil {
		return Image{}, err
	}
	image, err := b.write(app, program, scratch)
	if err != nil {
		return Image{}, err
	}
	for _, name := range []string{Archive(app), SBOM(app)} {
		if err := os.Rename(filepath.Join(scratch, name), filepath.Join(folder, name)); err != nil {
			return Image{}, err
		}
	}
	return image, nil
}

// write writes the archive and the SBOM for a built program to folder.
func (b Builder) write(app string, program []byte, folder string) (Image, error) {
	sbom, err := b.billOfMaterials(app, program)
	if err != nil {
		return Image{}, err
	}
	if err := os.WriteFile(filepath.Join(folder, SBOM(app)), sbom, 0o600); err != nil {
		return Image{}, err
	}
	image, err := b.assemble(app, program, sbom)
	if err != nil {
		return Image{}, err
	}
	digest, err := image.Digest()
	if err != nil {
		return Image{}, err
	}
	built := Image{App: app, Tag: b.Release.Version, Digest: digest.String()}
	return built, writeArchive(filepath.Join(folder, Archive(app)), image, built)
}

// Repository returns the repository name of an app's images, without a registry.
func Repository(app string) string { return "phonebill/" + app }
