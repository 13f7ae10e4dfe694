// Command kos-mock-service stands in for KOS, the carrier's order system.
//
// Usage:
//
//	kos-mock-service [serve]    run the server
//	kos-mock-service migrate    migrate the database to this version
package main

import (
	"os"

	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/app"
)

func main() {
	os.Exit(platform.Main(os.Args[1:], os.Stderr, app.Commands(os.Environ())))
}
