package charts

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// covered is a row of the design in dev/docs/operations/design-coverage.yaml.
type covered struct {
	Row, Want, Object, Chart, Field, File, Why string

	Value *string
}

type coveredSection struct {
	Section string
	Rows    []covered
}

func coverage(t *testing.T) []coveredSection {
	t.Helper()
	file, err := os.Open(repository(t).Path("dev", "docs", "operations", "design-coverage.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var sections []coveredSection
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	if err := decoder.Decode(&sections); err != nil {
		t.Fatal(err)
	}
	return sections
}

// follow returns the value at a path with dots, as text; that of a list has commas.
func follow(value any, path string) string {
	for step := range strings.SplitSeq(path, ".") {
		if index, err := strconv.Atoi(step); err == nil {
			value = at(value, index)
		} else {
			value = at(value, step)
		}
	}
	list, ok := value.([]any)
	if !ok {
		return fmt.Sprint(value)
	}
	texts := make([]string, len(list))
	for i := range list {
		texts[i] = fmt.Sprint(list[i])
	}
	return strings.Join(texts, ",")
}

// check reports what is wrong with a row: it is rendered with the value that it states, or kept in a
// file that exists, or not carried out for a reason.
func (c covered) check(t *testing.T) error {
	t.Helper()
	if c.Object == "" && c.File == "" && c.Why == "" {
		return fmt.Errorf("%s is neither rendered nor recorded", c.Row)
	}
	if c.File != "" {
		if _, err := os.Stat(repository(t).Path(c.File)); err != nil {
			return fmt.Errorf("%s: %w", c.Row, err)
		}
	}
	if c.Object == "" {
		return nil
	}
	all := platform(t, "prod")
	if c.Chart == "phonebill" {
		all = system(t, "prod")
	}
	want := c.Want
	if c.Value != nil {
		want = *c.Value
	}
	for _, one := range all {
		if one.String() == c.Object {
			if got := follow(map[string]any(one), c.Field); got != want {
				return fmt.Errorf("%s: %s of %s is %s, not %s", c.Row, c.Field, c.Object, got, want)
			}
			return nil
		}
	}
	return fmt.Errorf("%s: there is no %s", c.Row, c.Object)
}

func TestEveryRowOfTheDesignIsCovered(t *testing.T) {
	t.Parallel()
	rows := 0
	for _, section := range coverage(t) {
		for _, row := range section.Rows {
			rows++
			if err := row.check(t); err != nil {
				t.Errorf("%s: %v", section.Section, err)
			}
		}
	}
	for name, row := range map[string]covered{
		"nothing":            {Row: "x"},
		"another value":      {Row: "x", Want: "9", Object: "Workspace law-phonebill-prod", Field: "spec.retentionInDays"},
		"a missing object":   {Row: "x", Want: "9", Object: "Workspace x", Field: "spec.retentionInDays"},
		"a file that is not": {Row: "x", File: "dev/docs/x.md"},
	} {
		if row.check(t) == nil {
			t.Errorf("a row with %s passes", name)
		}
	}
	t.Logf("%d rows", rows)
}

// TestCoveragePageIsUpToDate compares the page with the list. With PHONEBILL_UPDATE=1 it writes it.
func TestCoveragePageIsUpToDate(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	page.WriteString("# Where the design is carried out\n\nEach row of the design of production's platform, the object and field that carries it, and the reason of each\n" +
		"deviation. Generated from `design-coverage.yaml`; a test compares every value with the rendered charts.\n")
	for _, section := range coverage(t) {
		fmt.Fprintf(&page, "\n## %s\n\n| row | design | where | value | reason |\n|---|---|---|---|---|\n", section.Section)
		for _, row := range section.Rows {
			page.WriteString(row.line())
		}
	}
	upToDate(t, repository(t).Path("dev", "docs", "operations", "design-coverage.md"), page.String())
}

func (c covered) line() string {
	where := "–"
	switch {
	case c.Object != "":
		where = fmt.Sprintf("%s: `%s`", c.Object, c.Field)
	case c.File != "":
		where = fmt.Sprintf("[%s](../../../%s)", c.File, c.File)
	}
	value := ""
	switch {
	case c.Value != nil:
		value = "`" + *c.Value + "`"
	case c.Object != "":
		value = "the same"
	}
	line := fmt.Sprintf("| %s | %s | %s | %s | %s |\n", c.Row, c.Want, where, value, c.Why)
	return strings.ReplaceAll(line, "|  |", "| |")
}

// upToDate compares a generated file with its content. With PHONEBILL_UPDATE=1 it writes it.
func upToDate(t *testing.T, path, want string) {
	t.Helper()
	if os.Getenv("PHONEBILL_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, path+" (PHONEBILL_UPDATE=1 go test -run UpToDate ./internal/charts writes it)", string(content), want)
}
