// Package resources checks the Dapr resources of the repository, which no
// compiler reads: that dapr.yaml, components/, resiliency/ and the ports and
// secrets of the local system agree, that the environments differ in their
// backends only, and that a real daprd makes of them what they say. It consists of tests.
package resources
