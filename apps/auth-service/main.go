// Command auth-service registers customers, logs them in and signs the tokens
// that all services trust.
//
// Usage:
//
//	auth-service [serve]                 run the server
//	auth-service migrate                 migrate the database to this version
//	auth-service reseal                  seal stored values with the newest key
//	auth-service create-admin --user-id X [--password-stdin]
//	                                     create an administrator
//	auth-service seed-demo [--users N]   add the demo users and N load-test users
package main

import (
	"os"

	"github.com/phonebill/phonebill/apps/auth-service/internal/app"
	"github.com/phonebill/phonebill/apps/internal/platform"
)

func main() {
	os.Exit(platform.Main(os.Args[1:], os.Stderr, app.Commands(os.Environ())))
}
