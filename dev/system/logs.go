package system

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/phonebill/phonebill/dev/internal/runfile"
)

// keptLogs is the number of old log files to keep for each app and sidecar, because the CLI writes
// a new one at every start and removes none.
const keptLogs = 5

// runnerLogs returns the CLI's log files of the app or its sidecar (kind "app" or "daprd"), oldest
// first: their names end with the start time.
func runnerLogs(app runfile.App, kind string) []string {
	// The pattern is valid: app ids are DNS labels.
	files, _ := filepath.Glob(filepath.Join(app.Dir, ".dapr", "logs", app.ID+"_"+kind+"_*.log"))
	slices.Sort(files)
	return files
}

func pruneLogs(app runfile.App) error {
	for _, kind := range []string{"app", "daprd"} {
		files := runnerLogs(app, kind)
		for _, file := range files[:max(0, len(files)-keptLogs)] {
			if err := os.Remove(file); err != nil {
				return err
			}
		}
	}
	return nil
}

// Logs returns the files with a part's output since the system started, oldest first. Lines of apps
// have the CLI's prefix "== APP - <app-id> == " until the app is restarted.
func (s *System) Logs(role Role) []string {
	var files []string
	for _, app := range s.Apps {
		kind := ""
		switch role {
		case Role(app.ID):
			kind = "app"
		case Sidecar(Role(app.ID)):
			kind = "daprd"
		default:
			continue
		}
		if all := runnerLogs(app, kind); len(all) > 0 {
			files = append(files, all[len(all)-1])
		}
	}
	if _, err := os.Stat(s.log(role)); err == nil {
		files = append(files, s.log(role))
	}
	return files
}

// lastWords returns the end of a part's log with the file's name, for errors.
func (s *System) lastWords(role Role) string {
	files := s.Logs(role)
	if len(files) == 0 {
		return ""
	}
	file := files[len(files)-1]
	content, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	const lines = 10
	all := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
	all = all[max(0, len(all)-lines):]
	var out strings.Builder
	out.WriteString("; the end of " + file + ":")
	for _, line := range all {
		out.WriteString("\n    " + string(line))
	}
	return out.String()
}
