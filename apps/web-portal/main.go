// Command web-portal serves the customers' screens of PhoneBill.
//
// Usage:
//
//	web-portal [serve]    run the server
package main

import (
	"os"

	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/web-portal/internal/app"
)

func main() {
	os.Exit(platform.Main(os.Args[1:], os.Stderr, app.Commands(os.Environ())))
}
