package system

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/phonebill/phonebill/dev/internal/runfile"
)

// keptLogs is how many log files of earlier starts an app and a sidecar keep:
// the CLI writes one for each with every start and removes none.
const keptLogs = 5

// runnerLogs returns the log files of the app or its sidecar (kind "app" or
// "daprd") that the CLI has written, oldest first: their names end with the
// time of the start.
func runnerLogs(app runfile.App, kind string) []string {
	// The pattern is well formed: app-ids are DNS labels.
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

// Logs returns the files that hold what a part has written since the system
// started, oldest first. Lines of apps begin with "== APP - <app-id> == ",
// which the CLI adds, as long as the app was not started again.
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

// lastWords returns the end of what a part has written, with the name of the
// file, for an error that says that it failed.
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
