package platform

import (
	// The images have no root certificates; these are used if the system has none.
	_ "golang.org/x/crypto/x509roots/fallback"
)
