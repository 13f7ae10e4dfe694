package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// source is the data source that the viewer chooses.
var source = common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${datasource}")}

// board returns a dashboard with the variables of all.
func board(title, description string, variables ...cog.Builder[dashboard.VariableModel]) *dashboard.DashboardBuilder {
	builder := dashboard.NewDashboardBuilder("PhoneBill: "+title).
		Description(description).
		Tags([]string{"phonebill"}).
		Timezone("browser").
		Time("now-3h", "now").
		Refresh("30s").
		Readonly().
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Prometheus").Type("prometheus"))
	for _, variable := range variables {
		builder.WithVariable(variable)
	}
	return builder
}

// choice is a variable with the values of a label.
func choice(label, metric string) cog.Builder[dashboard.VariableModel] {
	query := "label_values(" + metric + ", " + label + ")"
	return dashboard.NewQueryVariableBuilder(label).
		Label(label).
		Datasource(source).
		Query(dashboard.StringOrMap{String: &query}).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged)
}

// line is a query of a panel and the legend of its series.
type line struct{ query, legend string }

// graph is a panel with lines over time.
func graph(title, description, unit string, lines ...line) *timeseries.PanelBuilder {
	panel := timeseries.NewPanelBuilder().
		Title(title).Description(description).Unit(unit).Datasource(source).
		Span(12).Height(8).Min(0).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(true).DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom)).
		FillOpacity(8)
	for _, one := range lines {
		panel.WithTarget(prometheus.NewDataqueryBuilder().Datasource(source).Expr(one.query).LegendFormat(one.legend).Range())
	}
	return panel
}

// number is a panel with the last value, coloured by limits: green below the first, unless
// that is a below.
func number(title, description, unit string, shown line, limits ...dashboard.Threshold) *stat.PanelBuilder {
	steps := limits
	if len(limits) == 0 || limits[0].Value != nil {
		steps = append([]dashboard.Threshold{below("green")}, limits...)
	}
	return stat.NewPanelBuilder().
		Title(title).Description(description).Unit(unit).Datasource(source).
		Span(6).Height(5).
		Thresholds(dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(steps)).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
		WithTarget(prometheus.NewDataqueryBuilder().Datasource(source).Expr(shown.query).LegendFormat(shown.legend).Instant())
}

// from is a limit: the colour of values from there on.
func from(value float64, color string) dashboard.Threshold {
	return dashboard.Threshold{Value: &value, Color: color}
}

// below is the colour of values below all limits.
func below(color string) dashboard.Threshold { return dashboard.Threshold{Color: color} }

// good are the limits of a success rate.
func good() []dashboard.Threshold {
	return []dashboard.Threshold{below("red"), from(0.95, "orange"), from(0.99, "green")}
}

// The units of panels.
const (
	share   = units.PercentUnit
	seconds = units.Seconds
	rate    = units.RequestsPerSecond
	count   = units.Short
	bytes   = units.BytesIEC
)
