// Command product-change-service shows customers their plan and changes it.
//
// Usage:
//
//	product-change-service [serve]    run the server
//	product-change-service migrate    migrate the database to this version
//	product-change-service reseal     reseal stored data with the newest key
//	product-change-service preload    prefetch the subscribers of the lines on standard input
package main

import (
	"os"

	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/app"
)

func main() {
	os.Exit(platform.Main(os.Args[1:], os.Stderr, app.Commands(os.Environ())))
}
