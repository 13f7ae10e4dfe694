// Package resources tests the Dapr resources of the repository: that dapr.yaml, components/,
// resiliency/ and the ports and secrets of the local system agree, that environments differ in
// their backends only, and that a real daprd accepts and applies them.
package resources
