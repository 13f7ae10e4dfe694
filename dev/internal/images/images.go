// Package images makes the container images of the apps without a container
// engine: a static program, who runs it and what it consists of, in an OCI
// archive. The same sources give the same bytes, wherever they are and whoever
// builds them with the same release of Go.
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

// Release is what images are made of.
type Release struct {
	// Version names it; images have it as their tag.
	Version string
	// Revision is the commit that the sources are.
	Revision string
	// Created is when that was. Everything in an image has this date.
	Created time.Time
}

// Builder builds the images of a release.
type Builder struct {
	Checkout checkout.Checkout
	Console  *console.Console
	Release  Release
	// Arch is the processor to build for, as Go calls it: amd64, arm64.
	Arch string
}

// Image is an image that was built.
type Image struct {
	App    string
	Tag    string
	Digest string // of its manifest: sha256:…
}

// Archive and SBOM are the names of an app's files in the folder of images.
func Archive(app string) string { return app + ".tar" }

// SBOM is the list of what the image consists of, in CycloneDX.
func SBOM(app string) string { return app + ".cdx.json" }

// Folder is where the images of a checkout lie.
func Folder(c checkout.Checkout) string { return c.Local("images") }

// Build builds the images of apps into the checkout's folder of images, with
// the values that install exactly these beside them.
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

// build writes the archive and the SBOM of one app to folder.
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

// write makes an image of a program and writes its two files to folder.
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

// Repository is what the images of an app are called, without a registry.
func Repository(app string) string { return "phonebill/" + app }
