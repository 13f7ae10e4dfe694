package monitoring

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// dashboards are the paths of the dashboards.
func dashboards(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(repository(t).Path("charts", "phonebill", "files", "dashboards", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	return files
}

// dashboard has what the tests read of a dashboard.
type dashboard struct {
	UID, Title string
	Panels     []struct {
		Title      string
		Targets    []struct{ Expr string }
		Datasource struct{ UID string }
		GridPos    struct{ X, Y, W, H int }
	}
}

func TestDashboardsNameMetricsThatExist(t *testing.T) {
	t.Parallel()
	queries := map[string]string{}
	for _, file := range dashboards(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var board dashboard
		if err := json.Unmarshal(text, &board); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if board.UID != "phonebill-"+filepath.Base(file[:len(file)-len(".json")]) {
			t.Errorf("%s has the uid %q, which links name", file, board.UID)
		}
		for _, panel := range board.Panels {
			if len(panel.Targets) == 0 || panel.Datasource.UID != "${datasource}" || panel.GridPos.X+panel.GridPos.W > 24 {
				t.Errorf("%s: %s has no query, another data source, or no place", board.Title, panel.Title)
			}
			for _, target := range panel.Targets {
				queries[board.Title+": "+panel.Title+": "+target.Expr] = target.Expr
			}
		}
	}
	exist(t, queries)
}

// TestDashboardsAreCurrent compares the dashboards with what their generator writes.
func TestDashboardsAreCurrent(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "run", ".", folder)
	cmd.Dir, cmd.Env = repository(t).Path("dev", "tools", "dashboards"), append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, file := range dashboards(t) {
		want, err := os.ReadFile(filepath.Join(folder, filepath.Base(file)))
		if err != nil {
			t.Error(err)
			continue
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != string(want) {
			t.Errorf("%s is out of date (%v): run `make docs` and commit the result", file, err)
		}
	}
}
