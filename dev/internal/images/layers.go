package images

import (
	"archive/tar"
	"bytes"
	"fmt"
	"path"
	"strings"
	"time"
)

// user is the unprivileged user id that runs the program.
const user = "65532"

// file is a file of an image. All files belong to root, so that the program cannot change them.
type file struct {
	name    string // absolute
	mode    int64
	content []byte
}

// users returns /etc/passwd and /etc/group.
func users() []file {
	return []file{
		{"/etc/group", 0o444, []byte("root:x:0:\nnonroot:x:" + user + ":\n")},
		{"/etc/passwd", 0o444, []byte("root:x:0:0:root:/:/sbin/nologin\nnonroot:x:" + user + ":" + user + ":nonroot:/:/sbin/nologin\n")},
	}
}

// entrypoint returns the path of an app's program in its image.
func entrypoint(app string) string { return "/" + app }

// sbomPath returns the path where image scanners look for SBOMs.
func sbomPath(app string) string { return "/var/lib/db/sbom/" + SBOM(app) }

// archiveOf returns a reproducible tar of files and their folders.
func archiveOf(created time.Time, files []file) ([]byte, error) {
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	folders := make(map[string]bool)
	for _, f := range files {
		for _, folder := range parents(f.name) {
			if folders[folder] {
				continue
			}
			folders[folder] = true
			header := tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(folder, "/") + "/", Mode: 0o755}
			if err := write(archive, header, created, nil); err != nil {
				return nil, err
			}
		}
		header := tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(f.name, "/"), Mode: f.mode}
		if err := write(archive, header, created, f.content); err != nil {
			return nil, err
		}
	}
	err := archive.Close()
	return out.Bytes(), err
}

func write(archive *tar.Writer, header tar.Header, created time.Time, content []byte) error {
	header.Format, header.ModTime, header.Size = tar.FormatUSTAR, created, int64(len(content))
	if err := archive.WriteHeader(&header); err != nil {
		return fmt.Errorf("%s: %w", header.Name, err)
	}
	_, err := archive.Write(content)
	return err
}

// parents returns the folders above name, outermost first, without the root.
func parents(name string) []string {
	folder := path.Dir(name)
	if folder == "/" || folder == "." {
		return nil
	}
	return append(parents(folder), folder)
}
