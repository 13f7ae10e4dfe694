// Command dashboards writes the Grafana dashboards of charts/phonebill/files/dashboards, or to
// the folder that is its argument. `make docs` runs it.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	folder := "../../../charts/phonebill/files/dashboards"
	if len(os.Args) > 1 {
		folder = os.Args[1]
	}
	for name, builder := range map[string]*dashboard.DashboardBuilder{
		"overview":     overview(),
		"service":      service(),
		"kos":          kos(),
		"plan-changes": planChanges(),
		"sidecars":     sidecars(),
		"capacity":     capacity(),
	} {
		if err := write(filepath.Join(folder, name+".json"), builder.Uid("phonebill-"+name)); err != nil {
			fmt.Fprintln(os.Stderr, "dashboards:", err)
			os.Exit(1)
		}
	}
}

func write(file string, builder *dashboard.DashboardBuilder) error {
	built, err := builder.Build()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(built, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
