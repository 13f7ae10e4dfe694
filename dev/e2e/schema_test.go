package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/system"
)

// logSchema is the document with the schema of log records.
const logSchema = "../docs/mechanisms/logs.md"

// schemaRow is a row of the table of attributes, whose first column has one or more.
var schemaRow = regexp.MustCompile("(?m)^\\| ((?:`[a-z_]+`(?:, )?)+) \\|.*\\|.*\\|.*\\|$")

// schema returns the attributes that the document lists.
func schema() (map[string]bool, error) {
	text, err := os.ReadFile(logSchema)
	if err != nil {
		return nil, err
	}
	listed := map[string]bool{}
	for _, row := range schemaRow.FindAllStringSubmatch(string(text), -1) {
		for _, name := range regexp.MustCompile("[a-z_]+").FindAllString(row[1], -1) {
			listed[name] = true
		}
	}
	if !listed["trace_id"] {
		return nil, errors.New("no table of attributes in " + logSchema)
	}
	return listed, nil
}

// violations returns how the logs of the apps differ from their schema.
func violations() []string {
	listed, err := schema()
	if err != nil {
		return []string{err.Error()}
	}
	found := map[string]bool{}
	for _, app := range append(slices.Clone(apps), "web-portal") {
		lines, err := logLines(app)
		if err != nil {
			return []string{err.Error()}
		}
		for _, line := range lines {
			for _, violation := range violationsOf(line, listed) {
				found[string(app)+": "+violation] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func violationsOf(line []byte, listed map[string]bool) (found []string) {
	var attributes map[string]any
	if err := json.Unmarshal(line, &attributes); err != nil {
		return []string{fmt.Sprintf("not a record: %.200s", line)}
	}
	for name := range attributes {
		if !listed[name] {
			found = append(found, "attribute not in the schema: "+name)
		}
	}
	for _, name := range []string{"time", "level", "msg", "service"} {
		if text, ok := attributes[name].(string); !ok || text == "" {
			found = append(found, fmt.Sprintf("no %s: %.200s", name, line))
		}
	}
	return found
}

func TestViolationsOfTheLogSchemaAreFound(t *testing.T) {
	t.Parallel()
	listed, err := schema()
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]int{
		`{"time":"1","level":"INFO","msg":"m","service":"s","trace_id":"t","status":1}`: 0,
		`{"time":"1","level":"INFO","msg":"m","service":"s","customer":"c"}`:            1,
		`{"time":"1","level":"INFO","msg":"","status":1}`:                               2,
		`panic: x`: 1,
	} {
		if got := violationsOf([]byte(line), listed); len(got) != want {
			t.Errorf("%s: %q, want %d", line, got, want)
		}
	}
}

// TestLogLevelChangesAtRunTime lets a service log its calls of KOS, and sets the level back.
func TestLogLevelChangesAtRunTime(t *testing.T) {
	t.Parallel()
	locally(t)
	c := subscriber(t)
	change := func(to string) {
		t.Helper()
		pid, err := whole.system.PID(bills)
		if err == nil {
			err = whole.system.RunApp(t.Context(), bills, "log-level", to, strconv.Itoa(pid))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	change("debug")
	month := 0
	await(t, seenWithin, "a call of KOS in the log", func() error {
		month++
		c.Inquire(c.Line, api.Month(month%6)).OK(t)
		return inLog(bills, "kos called")
	})
	change("configured")
	await(t, seenWithin, "the configured level in the log", func() error { return inLog(bills, `"to":"INFO"`) })
}

// inLog returns an error unless a record of an app contains a text.
func inLog(app system.Role, text string) error {
	lines, err := logLines(app)
	if err != nil {
		return err
	}
	for _, line := range lines {
		if bytes.Contains(line, []byte(text)) {
			return nil
		}
	}
	return fmt.Errorf("%s has not logged %s", app, text)
}
