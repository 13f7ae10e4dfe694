package toolchain

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// patience is how long a download may take before the tool is built instead.
type patience struct {
	silence time.Duration // without a byte
	whole   time.Duration
}

var defaultPatience = patience{silence: 5 * time.Second, whole: 5 * time.Minute}

// maxSize is the largest size of an archive and of a program, in bytes.
const maxSize = 1 << 30

// checksums is the file of pinned SHA-256 sums, in the format of sha256sum, by address.
func (t Toolchain) checksums() string { return t.Checkout.Path("dev", "tools", "archives.sha256") }

// checksum returns the pinned sum of an archive.
func (t Toolchain) checksum(address string) (string, error) {
	content, err := os.ReadFile(t.checksums())
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(content)) {
		if sum, of, found := strings.Cut(strings.TrimSpace(line), "  "); found && of == address {
			return sum, nil
		}
	}
	return "", fmt.Errorf("%s has no checksum of %s", t.Checkout.Relative(t.checksums()), address)
}

// archiveOf returns the address of the tool's released archive for this machine.
func (t Tool) archiveOf(version string) string {
	return fmt.Sprintf("%s/v%s/%s_%s_%s.tar.gz", t.releases, version, t.name, runtime.GOOS, runtime.GOARCH)
}

// download puts the released program at path, if its archive has the pinned checksum.
func (t Toolchain) download(ctx context.Context, tool Tool, version, path string) error {
	address := tool.archiveOf(version)
	want, err := t.checksum(address)
	if err != nil {
		return err
	}
	t.Console.Printf("Downloading %s %s from %s (once)", tool.name, version, address)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	archive, fresh := path+".tar.gz", path+".new"
	defer func() { _ = errors.Join(os.Remove(archive), os.Remove(fresh)) }() // nothing is left to remove after success
	got, err := t.fetch(ctx, address, archive)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("the archive's checksum is %s, not %s as in %s", got, want, t.Checkout.Relative(t.checksums()))
	}
	if err := unpack(archive, tool.name, fresh); err != nil {
		return err
	}
	if has := tool.versionOf(ctx, fresh); has != version {
		return fmt.Errorf("the archive's program has the version %q", has)
	}
	return os.Rename(fresh, path)
}

// fetch writes what is at an address to a file and returns its SHA-256 sum.
func (t Toolchain) fetch(ctx context.Context, address, path string) (string, error) {
	limits := cmp.Or(t.patience, defaultPatience)
	ctx, cancel := context.WithTimeoutCause(ctx, limits.whole, fmt.Errorf("not complete after %s", limits.whole))
	defer cancel()
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	silence := time.AfterFunc(limits.silence, func() { giveUp(fmt.Errorf("no answer for %s", limits.silence)) })
	defer silence.Stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", reason(ctx, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the server answers %s", response.Status)
	}
	hash, received := sha256.New(), &meter{heard: func() { silence.Reset(limits.silence) }, size: response.ContentLength}
	defer t.Console.Wait("downloading", received.state)()
	err = save(path, io.TeeReader(response.Body, io.MultiWriter(hash, received)))
	return hex.EncodeToString(hash.Sum(nil)), reason(ctx, err)
}

// reason returns why ctx ended instead of err, if it did.
func reason(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// save writes a file.
func save(path string, from io.Reader) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, io.LimitReader(from, maxSize))
	return errors.Join(err, file.Close())
}

// meter counts the received bytes.
type meter struct {
	heard func() // called when bytes arrive
	size  int64  // -1 if unknown
	bytes atomic.Int64
}

func (m *meter) Write(p []byte) (int, error) {
	m.bytes.Add(int64(len(p)))
	m.heard()
	return len(p), nil
}

func (m *meter) state() string {
	const mega = 1e6
	if m.size < 0 {
		return fmt.Sprintf("%.0f MB", float64(m.bytes.Load())/mega)
	}
	return fmt.Sprintf("%.0f of %.0f MB", float64(m.bytes.Load())/mega, float64(m.size)/mega)
}

// unpack writes the program of an archive to a file.
func unpack(archive, program, into string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("the archive has no %s", program)
		}
		if err != nil {
			return err
		}
		if header.Typeflag == tar.TypeReg && filepath.Base(header.Name) == program {
			return errors.Join(save(into, files), os.Chmod(into, 0o700)) //nolint:gosec // a program
		}
	}
}
