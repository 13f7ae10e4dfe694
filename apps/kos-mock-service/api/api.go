// Package api contains the service's API contract.
package api

import _ "embed"

// OpenAPI is the OpenAPI 3.1 document that the service serves.
//
//go:embed openapi.yaml
var OpenAPI []byte
