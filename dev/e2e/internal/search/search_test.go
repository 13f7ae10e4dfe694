package search_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/e2e/internal/search"
)

const secret = "a secret of many letters"

func TestSecrets(t *testing.T) {
	t.Parallel()
	got := search.Secrets(map[string]string{
		"password":    secret,
		"key":         `{"keys":[{"kid":"a public name of a key","x":"a public coordinate","d":"the private scalar"}]}`,
		"credentials": `{"clientId":"bill-inquiry-service","clientSecret":"the secret of a client"}`,
		"short":       "admin",
	})
	want := search.Texts{
		"password": secret, "key.keys[0].d": "the private scalar", "credentials.clientSecret": "the secret of a client",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestInFile(t *testing.T) {
	t.Parallel()
	file := write(t, t.TempDir(), "log", strings.Repeat("x", 2<<20)+secret+"\nharmless")
	texts := search.Texts{"here": secret, "not here": "another secret"}
	got, err := texts.InFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"here"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestInHistoryFindsRemovedTexts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		args = append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@localhost"}, args...)
		if out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q")
	write(t, dir, "file", "begin\n"+secret+"\n")
	git("add", "file")
	git("commit", "-q", "-m", "add")
	git("rm", "-q", "file")
	git("commit", "-q", "-m", "remove")
	got, err := search.Texts{"here": secret, "not here": "another secret"}.InHistory(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"here"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestPersonal(t *testing.T) {
	t.Parallel()
	lines := []string{
		`{"line":"01012345678"}`,
		`asked for 010-1234-5678`,
		`{"name":"홍길동"}`,
		`Authorization: Bearer eyJhbGciOiJFUzI1NiIs.eyJz.c2ln`,
		`{"line":"010-****-5678"}`,
		`{"trace_id":"a0101234567801012345678901234567"}`,
		`{"duration_ms":0.01012345678}`,
		`{"id":"019ab3c4-0101-7234-8010-123456780101"}`,
	}
	file := write(t, t.TempDir(), "log", strings.Join(lines, "\n"))
	got, err := search.PersonalData(file, []string{"홍길동"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lines[:4], got); diff != "" {
		t.Error(diff)
	}
}

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
