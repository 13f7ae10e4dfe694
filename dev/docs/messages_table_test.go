package docs_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const preface = `# Messages

Every Korean message of the API, read from the sources. Generated: change the sources, then run ` + "`make docs`" + `.

Style: 합니다체 throughout, short, and the same sentence for the same fault. A refusal says what is wrong and, where the
client can do something about it, what. Terms: 회선 (line), 회선 번호 (line number), 상품 (plan, as in the API),
요금 (bill), 통신사 (carrier, KOS), 조회 (inquiry), 변경 (change), 이력 (history). "…" stands for a value; "all" are the
packages that every service uses; "kos-mock-service" stands in for KOS and answers developers.

`

var headings = [sections]string{
	refusals: "## Refusals\n\n`error.code` and `error.message`, by code.\n\n| code | status | message | sent by |\n|---|---|---|---|\n",
	fields: "\n## Fields\n\n`error.details.fieldErrors`, mostly with `VALIDATION_ERROR`. No field: it depends on the request.\n\n" +
		"| field | message | sent by |\n|---|---|---|\n",
	successes: "\n## Successes\n\n`message` of a success.\n\n| message | sent by |\n|---|---|\n",
	carrier: "\n## Results of KOS\n\n`resultMessage` as the stand-in words it. Customers read it where KOS has refused a change.\n\n" +
		"| code | message | sent by |\n|---|---|---|\n",
	others: "\n## Other texts\n\nMenus, pre-checks, states and results of requests, with their code if they have one.\n\n" +
		"| code | message | sent by |\n|---|---|---|\n",
}

// markdown returns the document. The statuses are those of the kinds of problems.
func (m messages) markdown(statuses map[string]int) string {
	var text strings.Builder
	text.WriteString(preface)
	merged := make(messages)
	for msg, apps := range m {
		if status := statuses[msg.kind]; status != 0 {
			msg.kind = strconv.Itoa(status)
		}
		for app := range apps {
			merged.add(app, msg)
		}
	}
	all := slices.SortedFunc(maps.Keys(merged), func(a, b message) int {
		return cmp.Or(cmp.Compare(a.section, b.section), cmp.Compare(a.code, b.code), cmp.Compare(a.text, b.text), cmp.Compare(a.kind, b.kind))
	})
	for part := range sections {
		text.WriteString(headings[part])
		for _, msg := range all {
			if msg.section == part {
				apps := strings.Join(slices.Sorted(maps.Keys(merged[msg])), ", ")
				text.WriteString(msg.row(apps))
			}
		}
	}
	return text.String()
}

func (m message) row(apps string) string {
	code := m.code
	if code != "" {
		code = "`" + code + "`"
	}
	switch m.section {
	case refusals:
		return fmt.Sprintf("| %s | %s | %s | %s |\n", code, m.kind, m.text, apps)
	case successes:
		return fmt.Sprintf("| %s | %s |\n", m.text, apps)
	}
	return fmt.Sprintf("| %s | %s | %s |\n", code, m.text, apps)
}

// statuses returns the HTTP status of each kind of problem, as package httpjson
// has it, and of each constant of net/http.
func statuses(t *testing.T) map[string]int {
	t.Helper()
	found := make(map[string]int)
	for status := 100; status < 600; status++ {
		if text := http.StatusText(status); text != "" {
			found["Status"+strings.ReplaceAll(text, " ", "")] = status
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "apps/internal/httpjson/httpjson.go"), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		if pair, ok := node.(*ast.KeyValueExpr); ok && found[name(pair.Value)] != 0 {
			found[name(pair.Key)] = found[name(pair.Value)]
		}
		return true
	})
	if found["Invalid"] != http.StatusBadRequest {
		t.Fatal("no statuses of kinds in package httpjson")
	}
	return found
}

// entry is a line of a map of the ingress: a status, and what it is mapped to.
var entry = regexp.MustCompile(`(?m)^        (default|\d{3}|~\^5) +'?([^';]+)'?;$`)

// readIngress adds what the ingress answers by itself.
func (m messages) readIngress(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	codes := make(map[string]string)
	for _, found := range entry.FindAllStringSubmatch(string(text), -1) {
		status, value := found[1], found[2]
		if !korean(value) {
			codes[status] = value
			continue
		}
		shown := map[string]string{"default": "other 4xx", "~^5": "other 5xx"}[status]
		m.add(ingress, message{section: refusals, code: codes[status], kind: cmp.Or(shown, status), text: value})
	}
}
