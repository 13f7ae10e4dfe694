package pg

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
	uniqueViolation      = "23505"
	undefinedTable       = "42P01"
	invalidPassword      = "28P01"
	invalidAuthorization = "28000"
)

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

// cannotServe goes by the class of the code.
func cannotServe(fault *pgconn.PgError) bool {
	if fault.SeverityUnlocalized == "FATAL" { // the session has ended
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
	for _, cause := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, pgconn.ErrConnClosed, puddle.ErrClosedPool, errNoPassword} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return pgconn.SafeToRetry(err)
}
