// Command bill-inquiry-service answers what a customer's phone bill is.
//
// Usage:
//
//	bill-inquiry-service [serve]    run the server
//	bill-inquiry-service migrate    bring the database to this version
//	bill-inquiry-service reseal     seal what is kept with the newest key
package main

import (
	"os"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/app"
	"github.com/phonebill/phonebill/apps/internal/platform"
)

func main() {
	os.Exit(platform.Main(os.Args[1:], os.Stderr, app.Commands(os.Environ())))
}
