package images

import (
	"archive/tar"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// writeArchive writes an image to a file, as a tar of an OCI image layout. The layout contains it
// by tag and by digest, so that a cluster that loads the file finds it by either.
func writeArchive(path string, image v1.Image, built Image) error {
	folder := path + ".layout"
	defer func() { _ = os.RemoveAll(folder) }()
	index, err := layout.Write(folder, empty.Index)
	if err != nil {
		return err
	}
	name := "docker.io/" + Repository(built.App) // Kubernetes' default registry
	for _, annotations := range []map[string]string{
		{"io.containerd.image.name": name + ":" + built.Tag, "org.opencontainers.image.ref.name": built.Tag},
		{"io.containerd.image.name": name + "@" + built.Digest},
	} {
		if err := index.AppendImage(image, layout.WithAnnotations(annotations)); err != nil {
			return err
		}
	}
	return tarFolder(path, folder)
}

// tarFolder writes a tar of a folder's files, sorted by name and without times.
func tarFolder(path, folder string) error {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(out)
	err = filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, file)
		if err != nil {
			return err
		}
		return copyInto(archive, filepath.ToSlash(name), file)
	})
	if closeErr := archive.Close(); err == nil {
		err = closeErr
	}
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	return err
}

func copyInto(archive *tar.Writer, name, file string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	header := tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o444, Size: info.Size(), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
	if err := archive.WriteHeader(&header); err != nil {
		return err
	}
	_, err = io.Copy(archive, in)
	return err
}
