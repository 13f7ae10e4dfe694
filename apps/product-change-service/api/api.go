// Package api embeds the OpenAPI document of the service.
package api

import _ "embed"

// OpenAPI is the service's OpenAPI 3.1 document.
//
//go:embed openapi.yaml
var OpenAPI []byte
