// Package charts tests the charts: what they render for each environment, with
// the pinned Helm, against the schemas of Kubernetes, Dapr and KEDA, the rules
// of the production design, and what the services' sources say.
package charts
