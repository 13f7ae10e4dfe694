// What the charts are checked against. Nothing is built from these modules; the
// lines only pin them, so there is nothing to tidy.
module github.com/phonebill/phonebill/dev/tools/schemas

go 1.26.5

require (
	github.com/kedacore/keda/v2 v2.20.2
	github.com/prometheus-operator/prometheus-operator v0.85.0
	k8s.io/kubernetes v1.34.4
)
