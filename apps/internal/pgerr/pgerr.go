// Package pgerr classifies the errors of PostgreSQL. Package problem uses it to
// choose the response to a client, package pg to manage connections.
package pgerr

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"
)

// SQLSTATE codes, PostgreSQL manual, appendix A.
const (
	uniqueViolation     = "23505"
	undefinedTable      = "42P01"
	readOnlyTransaction = "25006"
	lockNotAvailable    = "55P03"
)

// ErrNoPassword means that the secret store did not return the password.
var ErrNoPassword = errors.New("no database password from the secret store")

// IsUniqueViolation reports whether err is the violation of a unique constraint,
// and returns the constraint's name.
func IsUniqueViolation(err error) (constraint string, ok bool) {
	if fault, is := errors.AsType[*pgconn.PgError](err); is && fault.Code == uniqueViolation {
		return fault.ConstraintName, true
	}
	return "", false
}

// IsUndefinedTable reports whether err is caused by a missing table, as in a
// database that is not migrated.
func IsUndefinedTable(err error) bool {
	fault, is := errors.AsType[*pgconn.PgError](err)
	return is && fault.Code == undefinedTable
}

// Unavailable reports whether err means that the server could not be reached or
// could not execute the statement for reasons of its own. The statement may be
// retried if it is idempotent. It is false if the caller has cancelled.
func Unavailable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true // no statement has been sent
	}
	if fault, ok := errors.AsType[*pgconn.PgError](err); ok {
		return cannotServe(fault)
	}
	return connectionLost(err)
}

// EndsSession reports whether the connection must be closed after fault: the server
// closes it, or is read-only, as a primary demoted by a failover. A new connection
// may reach the new primary.
func EndsSession(fault *pgconn.PgError) bool {
	switch fault.SeverityUnlocalized {
	case "FATAL", "PANIC":
		return true
	}
	return fault.Code == readOnlyTransaction
}

// cannotServe reports whether fault is a condition of the server, by its SQLSTATE
// class.
func cannotServe(fault *pgconn.PgError) bool {
	if EndsSession(fault) || fault.Code == lockNotAvailable || len(fault.Code) < 2 {
		return true
	}
	switch fault.Code[:2] {
	case "08", "53", "57", "58": // connection, resources, operator intervention, system
		return true
	case "40": // serialization failure, deadlock
		return true
	}
	return false
}

// connectionLost reports whether a connection broke or could not be opened. It is
// false for arguments that cannot be encoded and results that cannot be scanned.
func connectionLost(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok { // includes timeouts
		return true
	}
	for _, cause := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, pgconn.ErrConnClosed, puddle.ErrClosedPool, ErrNoPassword} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return pgconn.SafeToRetry(err)
}
