// Package assets serves the style sheet, the script and the icon. Their names contain a
// hash of their content, so that browsers keep them for a year.
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
	kind          string
	plain, zipped []byte
}

// Assets are the files by name with hash.
type Assets struct {
	files map[string]file
	urls  map[string]string // by name without hash
}

var kinds = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
}

// New loads the embedded files.
func New() (*Assets, error) {
	a := &Assets{files: map[string]file{}, urls: map[string]string{}}
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
		hashed := strings.TrimSuffix(entry.Name(), extension) + "." + hex.EncodeToString(sum[:6]) + extension
		a.files[hashed] = file{kinds[extension], content, zipped}
		a.urls[entry.Name()] = Prefix + hashed
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
	url, ok := a.urls[name]
	if !ok {
		return "", fmt.Errorf("assets: there is no %s", name)
	}
	return url, nil
}

// Register adds a route for each file.
func (a *Assets) Register(r *mux.Router) {
	for name, file := range a.files {
		r.Handle(Prefix+name, file).Methods(http.MethodGet)
	}
}

// ServeHTTP serves the file.
func (f file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", f.kind)
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	header.Set("Vary", "Accept-Encoding")
	body := f.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		body = f.zipped
	}
	_, _ = w.Write(body) // fails only if the client has disconnected
}
