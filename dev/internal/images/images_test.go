package images

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/console"
)

var release = Release{Version: "1.2.3", Revision: "4bf92f35", Created: time.Date(2026, 7, 1, 2, 3, 4, 0, time.UTC)}

func builder(root string) Builder {
	return Builder{Checkout: checkout.Checkout{Root: root}, Console: console.New(io.Discard), Release: release, Arch: "amd64"}
}

// opened reads an image from its archive, with its names.
func opened(t *testing.T, archive string) (v1.Image, []map[string]string) {
	t.Helper()
	folder := t.TempDir()
	content, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range entries(t, bytes.NewReader(content)) {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, f.content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	index, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var names []map[string]string
	for _, descriptor := range manifest.Manifests {
		names = append(names, descriptor.Annotations)
	}
	image, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return image, names
}

// entry is a file in a tar.
type entry struct {
	header  tar.Header
	content []byte
}

func entries(t *testing.T, from io.Reader) map[string]entry {
	t.Helper()
	all := make(map[string]entry)
	for archive := tar.NewReader(from); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		all[header.Name] = entry{*header, content}
	}
}

// ownProgram returns a program with build information: this test.
func ownProgram(t *testing.T) []byte {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func TestImageHasMetadataAndRunsUnprivileged(t *testing.T) {
	t.Parallel()
	folder, program := t.TempDir(), ownProgram(t)
	built, err := builder("").write("auth-service", program, folder)
	if err != nil {
		t.Fatal(err)
	}
	image, names := opened(t, filepath.Join(folder, "auth-service.tar"))
	if err := validate.Image(image); err != nil {
		t.Error(err)
	}
	if digest, err := image.Digest(); err != nil || digest.String() != built.Digest {
		t.Errorf("digest %s, want %s, %v", digest, built.Digest, err)
	}
	wantNames := []map[string]string{
		{"io.containerd.image.name": "docker.io/phonebill/auth-service:1.2.3", "org.opencontainers.image.ref.name": "1.2.3"},
		{"io.containerd.image.name": "docker.io/phonebill/auth-service@" + built.Digest},
	}
	if diff := cmp.Diff(wantNames, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{
		"org.opencontainers.image.title":       "auth-service",
		"org.opencontainers.image.description": "Registers PhoneBill's customers, logs them in and signs their tokens",
		"org.opencontainers.image.source":      "https://github.com/phonebill/phonebill",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.version":     "1.2.3",
		"org.opencontainers.image.revision":    "4bf92f35",
		"org.opencontainers.image.created":     "2026-07-01T02:03:04Z",
	}
	want := v1.Config{
		User: "65532:65532", Entrypoint: []string{"/auth-service"}, WorkingDir: "/",
		ExposedPorts: map[string]struct{}{"8080/tcp": {}}, Labels: labels,
	}
	if diff := cmp.Diff(want, config.Config); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if config.OS != "linux" || config.Architecture != "amd64" || !config.Created.Equal(release.Created) {
		t.Errorf("%s/%s of %s", config.OS, config.Architecture, config.Created)
	}
	checkFiles(t, image, program, filepath.Join(folder, "auth-service.cdx.json"))
}

// checkFiles expects exactly the program, its users and its SBOM, owned by root and with the
// release's time.
func checkFiles(t *testing.T, image v1.Image, program []byte, sbom string) {
	t.Helper()
	files := entries(t, mutate.Extract(image))
	modes := make(map[string]int64)
	for name, f := range files {
		modes[name] = f.header.Mode
		if f.header.Uid != 0 || f.header.Gid != 0 || !f.header.ModTime.Equal(release.Created) {
			t.Errorf("%s: %+v", name, f.header)
		}
	}
	want := map[string]int64{
		"etc": 0o755, "etc/passwd": 0o444, "etc/group": 0o444, "auth-service": 0o555,
		"var": 0o755, "var/lib": 0o755, "var/lib/db": 0o755, "var/lib/db/sbom": 0o755, "var/lib/db/sbom/auth-service.cdx.json": 0o444,
	}
	if diff := cmp.Diff(want, modes); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if !bytes.Equal(files["auth-service"].content, program) {
		t.Error("the program differs")
	}
	if !strings.Contains(string(files["etc/passwd"].content), "nonroot:x:65532:65532:") {
		t.Error("the user has no name")
	}
	beside, err := os.ReadFile(sbom)
	if err != nil || !bytes.Equal(files["var/lib/db/sbom/auth-service.cdx.json"].content, beside) {
		t.Errorf("the SBOM in the image differs from the file: %v", err)
	}
}
