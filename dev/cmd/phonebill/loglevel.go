package main

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/phonebill/phonebill/dev/system"
)

// logLevel changes the log level of an app of the running system. Args are the app's id and "debug" or
// "configured".
func logLevel(ctx context.Context, args []string) error {
	if len(args) != 2 || slices.Contains(args, "") {
		return errors.New("usage: make log-level APP=bill-inquiry-service LEVEL=debug|configured")
	}
	return system.LogLevel(ctx, ".", system.Role(args[0]), args[1], os.Stdout)
}
