// Command bill-inquiry-service returns the bills of customers' phone lines.
//
// Usage:
//
//	bill-inquiry-service [serve]    run the server
//	bill-inquiry-service migrate    migrate the database to this version
//	bill-inquiry-service reseal     seal stored values again with the newest key
package main

import (
	"os"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/app"
	"github.com/phonebill/phonebill/apps/internal/platform"
)

func main() {
	os.Exit(platform.Main(os.Args[1:], os.Stderr, app.Commands(os.Environ())))
}
