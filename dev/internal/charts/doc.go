// Package charts tests the Helm charts: it renders them for each environment with the pinned Helm
// and checks the result against the schemas of Kubernetes, Dapr and KEDA, the production
// requirements, and the services' sources. Files azure_*_test.go test the Azure platform.
package charts
