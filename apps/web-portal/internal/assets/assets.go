// Package assets serves the style sheet, the script and the icon. Their names contain a
// hash of their content, so that browsers keep them for a year.
//
// A name with the hash of another release is answered with this release's content, which is not
// kept. During a rollout, pages of both releases load their assets from replicas of both.
package assets

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/gorilla/mux"
)

// Prefix is the folder of the assets.
const Prefix = "/assets/"

//go:embed files
var embedded embed.FS

// file is an asset in both encodings.
type file struct {
	stem, hash, extension string
	plain, zipped         []byte
}

// path returns the path of the file with a hash, which may be a pattern.
func (f file) path(hash string) string { return Prefix + f.stem + "." + hash + f.extension }

// Assets are the files by name without hash.
type Assets struct{ files map[string]file }

var kinds = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
}

// New loads the embedded files.
func New() (*Assets, error) {
	a := &Assets{files: map[string]file{}}
	entries, err := fs.ReadDir(embedded, "files")
	if err != nil {
		return nil, fmt.Errorf("assets: %w", err)
	}
	for _, entry := range entries {
		content, err := embedded.ReadFile("files/" + entry.Name())
		if err != nil {
			return nil, fmt.Errorf("assets: %w", err)
		}
		zipped, err := compress(content)
		if err != nil {
			return nil, fmt.Errorf("assets: %s: %w", entry.Name(), err)
		}
		extension := path.Ext(entry.Name())
		sum := sha256.Sum256(content)
		a.files[entry.Name()] = file{
			strings.TrimSuffix(entry.Name(), extension), hex.EncodeToString(sum[:6]), extension, content, zipped,
		}
	}
	return a, nil
}

func compress(content []byte) ([]byte, error) {
	var zipped bytes.Buffer
	writer, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(content); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return zipped.Bytes(), nil
}

// URL returns the path of a file.
func (a *Assets) URL(name string) (string, error) {
	found, ok := a.files[name]
	if !ok {
		return "", fmt.Errorf("assets: there is no %s", name)
	}
	return found.path(found.hash), nil
}

// Register adds a route for each file.
func (a *Assets) Register(r *mux.Router) {
	for _, file := range a.files {
		r.Handle(file.path("{hash:[0-9a-f]{12}}"), file).Methods(http.MethodGet)
	}
}

// ServeHTTP serves the file. Browsers keep it under its own hash only.
func (f file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", kinds[f.extension])
	header.Set("Cache-Control", "no-store")
	if r.URL.Path == f.path(f.hash) {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	header.Set("Vary", "Accept-Encoding")
	body := f.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		body = f.zipped
	}
	_, _ = w.Write(body) // fails only if the client has disconnected
}
