package images

import (
	"archive/tar"
	"bytes"
	"fmt"
	"path"
	"strings"
	"time"
)

// user is who runs the program: nobody in particular, and not root.
const user = "65532"

// file is a file of an image. All of them belong to root, so that the program
// cannot change what it consists of.
type file struct {
	name    string // absolute
	mode    int64
	content []byte
}

// users are the files that name the users.
func users() []file {
	return []file{
		{"/etc/group", 0o444, []byte("root:x:0:\nnonroot:x:" + user + ":\n")},
		{"/etc/passwd", 0o444, []byte("root:x:0:0:root:/:/sbin/nologin\nnonroot:x:" + user + ":" + user + ":nonroot:/:/sbin/nologin\n")},
	}
}

// entrypoint is where the program of an app lies in its image.
func entrypoint(app string) string { return "/" + app }

// sbomPath is where scanners of images look for such lists.
func sbomPath(app string) string { return "/var/lib/db/sbom/" + SBOM(app) }

// archiveOf returns a tar of files and their folders, in which nothing tells who
// made it when.
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

// parents returns the folders above name, the outermost first, without the root.
func parents(name string) []string {
	folder := path.Dir(name)
	if folder == "/" || folder == "." {
		return nil
	}
	return append(parents(folder), folder)
}
