package load

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/go-analyze/charts"
	"go.yaml.in/yaml/v3"

	"github.com/phonebill/phonebill/dev/internal/stage"
	"github.com/phonebill/phonebill/dev/system"
)

// Capacity is a model of the production cluster under customers who act every 10 s.
type Capacity struct {
	Measured Measured
	// Resources are ordered by the number of users that each can serve.
	Resources []Resource
	// perUser are the cores that a user needs, by part.
	perUser map[system.Role]float64
}

// Resource is something of which the cluster has a limited amount.
type Resource struct {
	Name string
	// Users is the number of users that it can serve with the fewest and with the most pods.
	Users, UsersMost float64
	// Available and AvailableMost are in Unit.
	Available, AvailableMost float64
	Unit                     string
	PerThousand              float64 // need of a thousand users, in Unit
	Remedy                   string
}

// The assumptions of the model.
const (
	// secondsAnAct is the time between two requests of a user, and sessionSeconds between two
	// logins.
	secondsAnAct, sessionSeconds = 10, 30 * 60
	// busy is the share of CPU up to which a part is used: the target of the autoscalers.
	busy = 0.7
	// hash is the CPU time of a password hash in seconds, which Costs does not contain.
	hash = 0.050
	// databaseCores, redisCores and nodes are the seed's: Standard_D4s_v3, three shards of one
	// thread, and 3 to 10 nodes of 4 cores.
	databaseCores, redisCores             = 4, 3
	leastNodes, mostNodes, coresOfNode    = 3, 10, 4
	billsAMinute, billHours, nodeOverhead = 97, 1, 0.3
)

// pods are a service's figures in its chart.
type pods struct {
	Replicas    int
	Resources   struct{ Limits struct{ CPU string } }
	Autoscaling struct {
		Min int `yaml:"minReplicas"`
		Max int `yaml:"maxReplicas"`
	}
}

// cores returns the limit of a pod.
func (p pods) cores() float64 {
	milli, _ := strconv.ParseFloat(strings.TrimSuffix(p.Resources.Limits.CPU, "m"), 64)
	return milli / 1000
}

func readValues(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return yaml.Unmarshal(text, into)
}

// NewCapacity returns the model of the cluster that the charts in a folder describe.
func NewCapacity(m Measured, charts string) (Capacity, error) {
	c := Capacity{Measured: m, perUser: m.demand(Usual)}
	for role := range c.perUser {
		c.perUser[role] = c.perUser[role]/secondsAnAct + m.Steps[Login][role]/1e6/sessionSeconds
	}
	c.perUser[stage.Auth] += hash / sessionSeconds
	var common struct {
		Dapr struct {
			Resources struct{ Limits struct{ CPU string } }
		}
	}
	if err := readValues(filepath.Join(charts, "common", "values.yaml"), &common); err != nil {
		return c, err
	}
	sidecar := pods{Resources: common.Dapr.Resources}.cores()
	var all, allMost, users float64
	for _, app := range []system.Role{stage.Auth, stage.Bills, stage.Products} {
		var p pods
		if err := readValues(filepath.Join(charts, string(app), "values.yaml"), &p); err != nil {
			return c, err
		}
		least, most := float64(p.Autoscaling.Min), float64(p.Autoscaling.Max)
		c.add(string(app), c.perUser[app], least*p.cores()*busy, most*p.cores()*busy, "more replicas")
		c.add("sidecars of "+string(app), c.perUser[system.Sidecar(app)], least*sidecar*busy, most*sidecar*busy,
			"more replicas, or fewer reads of sessions and L2: a larger L1, a session cache that lives longer")
		users += c.perUser[app] + c.perUser[system.Sidecar(app)]
	}
	var prod struct{ Edge struct{ Replicas int } }
	var edge pods
	err := readValues(filepath.Join(charts, "phonebill", "values-prod.yaml"), &prod)
	if err == nil {
		err = readValues(filepath.Join(charts, "edge", "values.yaml"), &edge)
	}
	users += c.perUser[system.Ingress]
	ingress := float64(prod.Edge.Replicas) * edge.cores() * busy
	c.add("edge", c.perUser[system.Ingress], ingress, ingress, "more replicas")
	c.add("PostgreSQL", c.perUser[system.Postgres], databaseCores*busy, databaseCores*busy,
		"a larger server; then a server for each database, as the services share none")
	redis := c.perUser[system.Redis] + c.perUser[system.RedisCache]
	c.add("Redis", redis, redisCores*busy, redisCores*busy, "more shards")
	all, allMost = leastNodes*(coresOfNode-nodeOverhead)*busy, mostNodes*(coresOfNode-nodeOverhead)*busy
	c.add("nodes of the application pool", users, all, allMost, "more or larger nodes")
	c.Resources = append(c.Resources, Resource{
		Name: "KOS: fresh bills", Users: billsAMinute * 60 * billHours, UsersMost: billsAMinute * 60 * billHours,
		Available: billsAMinute, AvailableMost: billsAMinute, Unit: "calls a minute", PerThousand: 1000.0 / 60 / billHours,
		Remedy: "nothing has to: beyond it bills are answered stale and refreshed in turn; a higher limit of KOS",
	})
	slices.SortStableFunc(c.Resources, func(a, b Resource) int { return cmp.Compare(a.UsersMost, b.UsersMost) })
	return c, err
}

// add adds a resource of CPU.
func (c *Capacity) add(name string, perUser, available, availableMost float64, remedy string) {
	c.Resources = append(c.Resources, Resource{
		Name: name, Users: available / perUser, UsersMost: availableMost / perUser,
		Available: available, AvailableMost: availableMost, Unit: "cores", PerThousand: 1000 * perUser, Remedy: remedy,
	})
}

// picture returns how much of each resource is used by the number of users, with the most pods.
// Both axes are logarithmic.
func (c Capacity) picture() ([]byte, error) {
	const width, height = 980, 420
	users := []float64{1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5}
	var labels, names []string
	var values [][]float64
	for _, n := range users {
		labels = append(labels, grouped(n))
	}
	for _, r := range c.Resources {
		series := make([]float64, len(users))
		for i, n := range users {
			series[i] = math.Log10(min(1000, max(1, 100*n/r.UsersMost)))
		}
		names, values = append(names, r.Name), append(values, series)
	}
	option := charts.NewLineChartOptionWithData(values)
	option.Title.Text, option.Legend.SeriesNames = "use of each resource by users, with the most pods", names
	option.Legend.Vertical, option.Legend.Offset = charts.Ptr(true), charts.OffsetStr{Left: charts.PositionRight}
	option.Symbol.Shape, option.LineStrokeWidth = charts.SymbolNone, 1.5
	option.XAxis.Labels, option.XAxis.BoundaryGap = labels, charts.Ptr(false)
	option.YAxis = []charts.YAxisOption{{
		Min: charts.Ptr(0.0), Max: charts.Ptr(3.0), LabelCount: 4,
		ValueFormatter: func(v float64) string { return fmt.Sprintf("%.0f %%", math.Pow(10, v)) },
	}}
	painter := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: width, Height: height})
	if err := painter.LineChart(option); err != nil {
		return nil, err
	}
	return painter.Bytes()
}

// grouped formats a number with commas between thousands.
func grouped(n float64) string {
	text := strconv.Itoa(int(math.Round(n)))
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
