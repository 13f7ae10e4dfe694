// Package pgerr classifies the errors of PostgreSQL. Package problem asks it
// what a client is answered; package pg opens the connections.
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

// ErrNoPassword means that the secret store did not give the password.
var ErrNoPassword = errors.New("no database password from the secret store")

// IsUniqueViolation reports whether err is the violation of a unique
// constraint, and of which.
func IsUniqueViolation(err error) (constraint string, ok bool) {
	if fault, is := errors.AsType[*pgconn.PgError](err); is && fault.Code == uniqueViolation {
		return fault.ConstraintName, true
	}
	return "", false
}

// IsUndefinedTable reports whether a table is missing: the database has not
// been migrated.
func IsUndefinedTable(err error) bool {
	fault, is := errors.AsType[*pgconn.PgError](err)
	return is && fault.Code == undefinedTable
}

// Unavailable reports whether err means that the server could not be reached
// or could not serve: the statement itself is not to blame and may be repeated
// later, if repeating it does no harm. It is false for a caller that left.
func Unavailable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true // whatever the server said, it has seen no statement
	}
	if fault, ok := errors.AsType[*pgconn.PgError](err); ok {
		return cannotServe(fault)
	}
	return lost(err)
}

// EndsSession reports whether fault makes its connection useless: the server
// closes it, or does not write, as a primary that a failover has demoted. A new
// connection may find the server that does.
func EndsSession(fault *pgconn.PgError) bool {
	switch fault.SeverityUnlocalized {
	case "FATAL", "PANIC":
		return true
	}
	return fault.Code == readOnlyTransaction
}

// cannotServe goes by the class of the code.
func cannotServe(fault *pgconn.PgError) bool {
	if EndsSession(fault) || fault.Code == lockNotAvailable || len(fault.Code) < 2 {
		return true
	}
	switch fault.Code[:2] {
	case "08", "53", "57", "58": // connection, resources, operator, system
		return true
	case "40": // serialization failure, deadlock
		return true
	}
	return false
}

// lost reports whether a connection broke or was never had. Arguments that
// cannot be encoded and results that cannot be scanned are errors of the
// client's side too, but will not get better.
func lost(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok { // timeouts among them
		return true
	}
	for _, cause := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, pgconn.ErrConnClosed, puddle.ErrClosedPool, ErrNoPassword} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return pgconn.SafeToRetry(err)
}
