// The generator of the Grafana dashboards, with Grafana's SDK.
module github.com/phonebill/phonebill/dev/tools/dashboards

go 1.26.5

require github.com/grafana/grafana-foundation-sdk/go v0.0.22
