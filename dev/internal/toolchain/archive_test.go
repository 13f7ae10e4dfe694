package toolchain

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/console"
)

// archived returns an archive with a license and a program that prints a version.
func archived(t *testing.T, name, version string) []byte {
	t.Helper()
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	files := tar.NewWriter(zipped)
	for _, file := range []struct{ name, content string }{{"LICENSE", "free"}, {"./" + name, "#!/bin/sh\necho " + version + "\n"}} {
		if err := files.WriteHeader(&tar.Header{Name: file.name, Mode: 0o644, Size: int64(len(file.content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(files, file.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// releasing returns a toolchain and a tool that cannot be built, whose archive is pinned with a
// checksum and served by serve, and the console's output.
func releasing(t *testing.T, sum [sha256.Size]byte, serve http.HandlerFunc) (tools Toolchain, tool Tool, said *bytes.Buffer) {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	tools, tool = pinning(t)
	tool.name, tool.command, tool.releases = "released-tool", ".", server.URL+"/releases"
	line := fmt.Sprintf("# The tool's:\n%x  %s\n", sum, tool.archiveOf("1.2.3"))
	if err := os.WriteFile(tools.checksums(), []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	said = new(bytes.Buffer)
	tools.Console = console.New(said)
	tools.patience = patience{silence: 10 * time.Second, whole: time.Minute}
	return tools, tool, said
}

func TestArchiveWithThePinnedChecksumIsUsed(t *testing.T) {
	t.Parallel()
	archive := archived(t, "released-tool", "1.2.3")
	var asked []string
	tools, tool, said := releasing(t, sha256.Sum256(archive), func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		_, _ = w.Write(archive)
	})
	for range 2 { // the second time without a download
		if got, err := tools.Tool(t.Context(), tool); err != nil || got != tools.Checkout.Bin("released-tool") {
			t.Fatalf("got %s, %v", got, err)
		}
	}
	want := []string{fmt.Sprintf("/releases/v1.2.3/released-tool_%s_%s.tar.gz", runtime.GOOS, runtime.GOARCH)}
	if !slices.Equal(asked, want) {
		t.Errorf("it asked for %q, want %q", asked, want)
	}
	if text := said.String(); !strings.HasPrefix(text, "Downloading released-tool 1.2.3 from http://") || strings.Count(text, "\n") != 1 {
		t.Errorf("it printed %q", text)
	}
	checkNothingElse(t, tools, "released-tool")
}

// TestUnusableArchiveIsReplacedByABuild: nothing of the archive is left.
func TestUnusableArchiveIsReplacedByABuild(t *testing.T) {
	t.Parallel()
	archive, old := archived(t, "released-tool", "1.2.3"), archived(t, "released-tool", "1.2.2")
	hang := func(r *http.Request) { <-r.Context().Done() }
	send := func(w http.ResponseWriter, content []byte) { _, _ = w.Write(content) }
	for name, test := range map[string]struct {
		serve    http.HandlerFunc
		pinned   []byte
		patience patience
		want     string
	}{
		"with another checksum":           {func(w http.ResponseWriter, _ *http.Request) { send(w, archive) }, old, patience{}, "the archive's checksum is "},
		"of another version":              {func(w http.ResponseWriter, _ *http.Request) { send(w, old) }, old, patience{}, `has the version "1.2.2"`},
		"without the program":             {func(w http.ResponseWriter, _ *http.Request) { send(w, archived(t, "tool", "1.2.3")) }, archived(t, "tool", "1.2.3"), patience{}, "the archive has no released-tool"},
		"that is not an archive":          {func(w http.ResponseWriter, _ *http.Request) { send(w, []byte("hello")) }, []byte("hello"), patience{}, "EOF"},
		"that does not exist":             {http.NotFound, archive, patience{}, "the server answers 404 Not Found"},
		"from a server that only accepts": {func(_ http.ResponseWriter, r *http.Request) { hang(r) }, archive, patience{100 * time.Millisecond, time.Minute}, "no answer for 100ms"},
		"that stops arriving": {func(w http.ResponseWriter, r *http.Request) {
			send(w, archive[:9])
			_ = http.NewResponseController(w).Flush()
			hang(r)
		}, archive, patience{100 * time.Millisecond, time.Minute}, "no answer for 100ms"},
		"that arrives too slowly": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				send(w, archive[:1])
				_ = http.NewResponseController(w).Flush()
			}
		}, archive, patience{time.Minute, 100 * time.Millisecond}, "not complete after 100ms"},
		"that is truncated": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(archive)))
			send(w, archive[:9])
		}, archive, patience{}, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tools, tool, said := releasing(t, sha256.Sum256(test.pinned), test.serve)
			tools.patience = test.patience
			if _, err := tools.Tool(t.Context(), tool); err == nil || !strings.Contains(err.Error(), "building released-tool") {
				t.Errorf("it was not built: %v", err)
			}
			if text := said.String(); !strings.Contains(text, "released-tool 1.2.3 is built, because it cannot be downloaded: ") || !strings.Contains(text, test.want) {
				t.Errorf("it printed %q, want %q", text, test.want)
			}
			checkNothingElse(t, tools)
		})
	}
}

func TestArchiveWithoutChecksumIsNotDownloaded(t *testing.T) {
	t.Parallel()
	tools, tool, said := releasing(t, [sha256.Size]byte{}, func(http.ResponseWriter, *http.Request) { t.Error("it was downloaded") })
	if err := os.WriteFile(tools.checksums(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tools.Tool(t.Context(), tool); err == nil || !strings.Contains(said.String(), "dev/tools/archives.sha256 has no checksum of "+tool.archiveOf("1.2.3")) {
		t.Errorf("it printed %q and returned %v", said, err)
	}
}

// TestUnreachableServerIsNotWaitedFor: a download needs no more time than the refusal of its
// connection.
func TestUnreachableServerIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	tools, tool, said := releasing(t, [sha256.Size]byte{}, nil)
	gone := httptest.NewServer(nil)
	gone.Close()
	tool.releases = gone.URL
	if err := os.WriteFile(tools.checksums(), []byte("00  "+tool.archiveOf("1.2.3")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tools.patience = patience{time.Hour, time.Hour}
	if _, err := tools.Tool(t.Context(), tool); err == nil || !strings.Contains(said.String(), "connection refused") {
		t.Errorf("it printed %q and returned %v", said, err)
	}
}

func TestProgressOfADownload(t *testing.T) {
	t.Parallel()
	for size, want := range map[int64]string{48_200_000: "12 of 48 MB", -1: "12 MB"} {
		heard := 0
		received := &meter{heard: func() { heard++ }, size: size}
		if _, err := received.Write(make([]byte, 12_000_000)); err != nil {
			t.Fatal(err)
		}
		if got := received.state(); got != want || heard != 1 {
			t.Errorf("%q, %d times, want %q", got, heard, want)
		}
	}
}

// checkNothingElse expects exactly these files among the programs.
func checkNothingElse(t *testing.T, tools Toolchain, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(tools.Checkout.Local("bin"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("there is %q, want %q", got, want)
	}
}

// TestPinnedArchivesAreThoseOfTheTools: an update of a tool has to replace its checksums.
func TestPinnedArchivesAreThoseOfTheTools(t *testing.T) {
	t.Parallel()
	root, err := checkout.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	tools := Toolchain{Checkout: root}
	content, err := os.ReadFile(tools.checksums())
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for _, tool := range []Tool{Daprd, Dapr} {
		version, err := root.ToolVersion(t.Context(), tool.folder, tool.module)
		if err != nil {
			t.Fatal(err)
		}
		here := fmt.Sprintf("_%s_%s.tar.gz", runtime.GOOS, runtime.GOARCH)
		for _, platform := range []string{"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64"} {
			known[strings.Replace(tool.archiveOf(version), here, "_"+platform+".tar.gz", 1)] = true
		}
	}
	sum := regexp.MustCompile(`^[0-9a-f]{64}$`)
	for line := range strings.Lines(string(content)) {
		pinned, address, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if !sum.MatchString(pinned) || !known[address] {
			t.Errorf("%s: %q is not the checksum of an archive that is used, or is listed twice", filepath.Base(tools.checksums()), line)
		}
		delete(known, address)
	}
}
