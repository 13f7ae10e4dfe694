// Package api holds the contract of the service.
package api

import _ "embed"

// OpenAPI is the OpenAPI 3.1 document, as the service serves it.
//
//go:embed openapi.yaml
var OpenAPI []byte
