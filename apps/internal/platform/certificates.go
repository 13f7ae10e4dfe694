package platform

import (
	// The image of a service holds nothing but its program: where the system
	// has no certificates of public authorities, these verify servers.
	_ "golang.org/x/crypto/x509roots/fallback"
)
