package text

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// source is a file of the portal.
type source struct{ name, content string }

// sources returns the files of the portal with an extension, without tests.
func sources(t *testing.T, extension string) (found []source) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != extension || strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		found = append(found, source{path, string(content)})
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("%d files: %v", len(found), err)
	}
	return found
}

// inTemplate are the texts of a template: {{t "Due date"}}.
var inTemplate = regexp.MustCompile(`\bt ("(?:[^"\\]|\\.)*")`)

// asked returns the English texts that templates and code ask for, by the file that does.
func asked(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, template := range sources(t, ".html") {
		for _, found := range inTemplate.FindAllStringSubmatch(template.content, -1) {
			texts[unquoted(t, found[1])] = template.name
		}
	}
	for _, file := range sources(t, ".go") {
		ast.Inspect(parsed(t, file), func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			literal, constant := call.Args[0].(*ast.BasicLit)
			if ok && constant && strings.EqualFold(method.Sel.Name, "text") {
				texts[unquoted(t, literal.Value)] = file.name
			}
			return true
		})
	}
	for _, names := range []map[string]string{status, attempts, access, permissions, acts, outcomes} {
		for _, name := range names {
			texts[name] = "names.go"
		}
	}
	return texts
}

func parsed(t *testing.T, file source) *ast.File {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file.name, file.content, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func unquoted(t *testing.T, literal string) string {
	t.Helper()
	text, err := strconv.Unquote(literal)
	if err != nil {
		t.Fatalf("%s: %v", literal, err)
	}
	return text
}

func TestEveryTextIsInBothLanguages(t *testing.T) {
	t.Parallel()
	texts := asked(t)
	if len(texts) < 200 {
		t.Errorf("only %d texts were found", len(texts))
	}
	for english, file := range texts {
		if korean[english] == "" {
			t.Errorf("%s: no Korean text for %q", file, english)
		}
	}
	inServices := map[string]bool{}
	for _, english := range services.Problems {
		inServices[english] = true
	}
	for english, own := range korean {
		if texts[english] == "" && !inServices[english] {
			t.Errorf("nothing asks for %q", english)
		}
		if hangul(english) || !hangul(own) && letters(own) {
			t.Errorf("%q and %q are not English and Korean", english, own)
		}
		if !sameVerbs(english, own) {
			t.Errorf("%q and %q have different verbs", english, own)
		}
	}
}

// verb is a verb of package fmt, perhaps with an index.
var verb = regexp.MustCompile(`%(?:\[(\d)\])?([a-z])`)

// sameVerbs reports whether both formats take the same arguments.
func sameVerbs(a, b string) bool {
	verbs := func(format string) map[string]string {
		found := map[string]string{}
		for i, match := range verb.FindAllStringSubmatch(format, -1) {
			index := match[1]
			if index == "" {
				index = strconv.Itoa(i + 1)
			}
			found[index] = match[2]
		}
		return found
	}
	first, second := verbs(a), verbs(b)
	for index, kind := range first {
		if second[index] != kind {
			return false
		}
	}
	return len(first) == len(second)
}

func hangul(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Hangul, r) })
}

func letters(text string) bool { return strings.ContainsFunc(text, unicode.IsLetter) }

var (
	action = regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	tag    = regexp.MustCompile(`(?s)<[^>]*>`)
	// spoken are the attributes that customers read or hear.
	spoken = regexp.MustCompile(`\b(?:aria-label|alt|title|placeholder)="([^"]*)"`)
)

// TestTemplatesHaveNoBareText also finds English texts, which would be English on Korean pages.
func TestTemplatesHaveNoBareText(t *testing.T) {
	t.Parallel()
	for _, template := range sources(t, ".html") {
		markup := action.ReplaceAllString(template.content, "")
		for _, attribute := range spoken.FindAllStringSubmatch(markup, -1) {
			if letters(attribute[1]) {
				t.Errorf("%s: bare %s", template.name, attribute[0])
			}
		}
		for line := range strings.Lines(tag.ReplaceAllString(markup, " ")) {
			line = strings.TrimSpace(strings.ReplaceAll(line, "PhoneBill", ""))
			if letters(line) {
				t.Errorf("%s: bare text %q", template.name, line)
			}
		}
	}
}

// TestNoOtherFileHasKoreanText leaves Korean to this package, and to the client of the services.
func TestNoOtherFileHasKoreanText(t *testing.T) {
	t.Parallel()
	files := append(sources(t, ".js"), sources(t, ".html")...)
	for _, file := range files {
		if hangul(file.content) {
			t.Errorf("%s has Korean text", file.name)
		}
	}
	for _, file := range sources(t, ".go") {
		folder := filepath.Base(filepath.Dir(file.name))
		if folder == "text" || folder == "upstream" {
			continue
		}
		ast.Inspect(parsed(t, file), func(node ast.Node) bool {
			if literal, ok := node.(*ast.BasicLit); ok && hangul(literal.Value) {
				t.Errorf("%s: %s", file.name, literal.Value)
			}
			return true
		})
	}
}

// refusal is a line of the table of messages: code and service.
var refusal = regexp.MustCompile("(?m)^\\| `([A-Z_0-9]+)` \\| [^|]* \\| [^|]* \\| ([^|]+) \\|$")

// TestEveryRefusalIsInEnglish reads the messages of the services, which are Korean.
func TestEveryRefusalIsInEnglish(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("../../../../dev/docs/messages.md")
	if err != nil {
		t.Fatal(err)
	}
	found := refusal.FindAllStringSubmatch(string(table), -1)
	if len(found) < 50 {
		t.Errorf("only %d messages were found", len(found))
	}
	for _, message := range found {
		if message[2] != "kos-mock-service" && services.Problems[message[1]] == "" {
			t.Errorf("no English message for %s", message[1])
		}
	}
	for _, texts := range []map[string]string{services.Problems, services.Fields, services.Passed, services.Failed, services.Results, services.Values} {
		for key, english := range texts {
			if english == "" || hangul(english) {
				t.Errorf("%s: %q", key, english)
			}
		}
	}
}
