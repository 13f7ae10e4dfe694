package checks

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/console"
)

func TestChangesAreReported(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		write  map[string]string
		failed error
		want   string
	}{
		"nothing":                  {nil, nil, "All of 2 files are formatted already.\n"},
		"one of them":              {map[string]string{"m/b.go": "package other"}, nil, "1 of 2 files changed: m/b.go\n"},
		"a new one":                {map[string]string{"m/c.go": "package m"}, nil, "1 of 3 files changed: m/c.go\n"},
		"files of another kind":    {map[string]string{"m/c.txt": "x"}, nil, "All of 2 files are formatted already.\n"},
		"nothing, and it fails":    {nil, broken, ""},
		"something, then it fails": {map[string]string{"m/b.go": "package other"}, broken, "1 of 2 files changed: m/b.go\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := checkout.Checkout{Root: t.TempDir()}
			write := func(files map[string]string) {
				for path, content := range files {
					if err := os.MkdirAll(filepath.Dir(root.Path(path)), 0o700); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(root.Path(path), []byte(content), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			write(map[string]string{"m/a.go": "package m", "m/b.go": "package m"})
			var said bytes.Buffer
			w := workspace{Checkout: root, out: console.New(&said), modules: []checkout.Module{{Dir: root.Path("m")}}}
			err := w.saying("formatted", []string{".go"}, func() error {
				write(test.write)
				return test.failed
			})
			if !errors.Is(err, test.failed) || said.String() != test.want {
				t.Errorf("it said %q and returned %v, want %q", said.String(), err, test.want)
			}
		})
	}
}
