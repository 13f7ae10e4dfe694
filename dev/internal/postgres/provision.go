package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/dev/internal/atomicfile"
)

// Database is a database with its owner role.
type Database struct {
	Name, Role, Password string
}

// Provision creates missing databases and roles and sets the roles' passwords. Only the owner may
// connect.
func (s Server) Provision(ctx context.Context, databases []Database) error {
	conn, err := s.Connect(ctx, "postgres")
	if err != nil {
		return fmt.Errorf("provision the databases: %w", err)
	}
	for _, database := range databases {
		if err := database.provision(ctx, conn); err != nil {
			return errors.Join(fmt.Errorf("provision the database %s: %w", database.Name, err), conn.Close(ctx))
		}
	}
	return conn.Close(ctx)
}

func (d Database) provision(ctx context.Context, conn *pgx.Conn) error {
	var roles, databases int
	err := conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM pg_roles WHERE rolname = $1),
	                                  (SELECT count(*) FROM pg_database WHERE datname = $2)`,
		d.Role, d.Name).Scan(&roles, &databases)
	if err != nil {
		return err
	}
	var formats []string
	if roles == 0 {
		formats = append(formats, `CREATE ROLE %2$I`)
	}
	formats = append(formats, `ALTER ROLE %2$I LOGIN PASSWORD %3$L`)
	if databases == 0 {
		formats = append(formats, `CREATE DATABASE %1$I OWNER %2$I`)
	}
	formats = append(formats, `REVOKE CONNECT, TEMPORARY ON DATABASE %1$I FROM PUBLIC`)
	for _, format := range formats {
		if err := d.execute(ctx, conn, format); err != nil {
			return err
		}
	}
	return nil
}

// execute runs a statement without parameters: the server formats it with the name, the role and
// the password, in this order.
func (d Database) execute(ctx context.Context, conn *pgx.Conn, format string) error {
	var statement string
	err := conn.QueryRow(ctx, `SELECT format($1, $2::text, $3::text, $4::text)`,
		format, d.Name, d.Role, d.Password).Scan(&statement)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return err
}

// WritePasswordFile writes a password file (libpq's PGPASSFILE) for the roles.
func (s Server) WritePasswordFile(path string, databases []Database) error {
	escape := strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port))
	var lines strings.Builder
	for _, database := range databases {
		fmt.Fprintf(&lines, "%s:%s:%s:%s\n", address, escape(database.Name), escape(database.Role), escape(database.Password))
	}
	return atomicfile.Write(path, []byte(lines.String()))
}
