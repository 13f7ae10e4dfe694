package checks

import (
	"slices"
	"strings"
	"testing"
)

func TestWholeSystemTestsRunApart(t *testing.T) {
	t.Parallel()
	w, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	packages, whole, err := w.packages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const dev = "github.com/phonebill/phonebill/dev/"
	for _, path := range []string{dev + "system", dev + "openapitest", "github.com/phonebill/phonebill/apps/internal/problem"} {
		if !slices.Contains(packages, path) {
			t.Errorf("%s is not tested", path)
		}
	}
	for _, path := range []string{dev + "e2e", dev + "chaos"} {
		if !slices.Contains(whole, path) {
			t.Errorf("%s is not tested", path)
		}
	}
	for _, path := range packages {
		if strings.HasPrefix(path, dev+"e2e") || strings.HasPrefix(path, dev+"chaos") {
			t.Errorf("%s runs while no system may", path)
		}
	}
}

func TestListedFuzzTargets(t *testing.T) {
	t.Parallel()
	got := listed("?   \ta/b\t[no test files]\nFuzzOne\nFuzzTwo\nok  \ta/c\t0.01s\nok  \ta/d\t0.01s\nFuzzOne\nok  \ta/e\t(cached)\n")
	want := []target{{"FuzzOne", "a/c"}, {"FuzzTwo", "a/c"}, {"FuzzOne", "a/e"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
