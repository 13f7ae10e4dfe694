package charts

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestValuesTablesAreUpToDate compares the tables of the READMEs with the comments (`# --`) and
// defaults of the values files. With PHONEBILL_UPDATE=1 it writes them.
func TestValuesTablesAreUpToDate(t *testing.T) {
	t.Parallel()
	checkTables(t, "README.md", "common", "phonebill")
	checkTables(t, "azure-platform/README.md", "azure-platform")
}

func checkTables(t *testing.T, readme string, charts ...string) {
	t.Helper()
	path := repository(t).Path("charts", readme)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := string(content)
	for _, chart := range charts {
		begin, end := fmt.Sprintf("<!-- values of %s -->\n", chart), "<!-- end -->"
		before, rest, found := strings.Cut(want, begin)
		_, after, ended := strings.Cut(rest, end)
		if !found || !ended {
			t.Fatalf("the README has no place for the values of %s", chart)
		}
		want = before + begin + table(t, chart) + end + after
	}
	if os.Getenv("PHONEBILL_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	equal(t, "charts/"+readme+" (PHONEBILL_UPDATE=1 go test -run ValuesTables ./internal/charts writes it)", string(content), want)
}

// table returns the table of a chart's values, in file order.
func table(t *testing.T, chart string) string {
	t.Helper()
	content, err := os.ReadFile(repository(t).Path("charts", chart, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	out.WriteString("| value | default | meaning |\n|---|---|---|\n")
	rows(t, &out, "", document.Content[0])
	return out.String()
}

// rows writes a row for each value with a comment. A value without one is a group, whose values
// have their own, or that of another service like the previous one.
func rows(t *testing.T, out *strings.Builder, prefix string, group *yaml.Node) {
	t.Helper()
	for i := 0; i < len(group.Content); i += 2 {
		key, value := group.Content[i], group.Content[i+1]
		_, meaning, described := strings.Cut(key.HeadComment, "# -- ")
		if !described {
			if value.Kind == yaml.MappingNode {
				rows(t, out, prefix+key.Value+".", value)
			} else if value.Value != "true" {
				t.Errorf("%s%s has no comment", prefix, key.Value)
			}
			continue
		}
		meaning = strings.ReplaceAll(strings.ReplaceAll(meaning, "\n# ", " "), "|", `\|`)
		fmt.Fprintf(out, "| `%s%s` | `%s` | %s |\n", prefix, key.Value, inline(t, value), meaning)
	}
}

// inline returns a value on one line.
func inline(t *testing.T, value *yaml.Node) string {
	t.Helper()
	flow := *value
	if flow.Kind != yaml.ScalarNode {
		flow.Style = yaml.FlowStyle
	}
	text, err := yaml.Marshal(&flow)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(text)), " ")
}
