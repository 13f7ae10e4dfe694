package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/audit"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pgerr"
)

// userColumns select a userRow from app_user u.
const userColumns = `
	u.user_id, u.user_name, u.sealed_name, u.customer_id, u.line_number, u.account_status,
	ARRAY(SELECT p.permission FROM user_permission p WHERE p.user_id = u.user_id ORDER BY 1) AS permissions`

// userRow is a row of userColumns.
type userRow struct {
	UserID        string
	UserName      string
	SealedName    []byte
	CustomerID    *string
	LineNumber    *string
	AccountStatus string
	Permissions   []string
}

func (s *Store) user(ctx context.Context, r userRow) identity.User {
	u := identity.User{
		ID: r.UserID, Name: s.name(ctx, r),
		Status: identity.Status(r.AccountStatus), Permissions: r.Permissions,
	}
	if r.CustomerID != nil && r.LineNumber != nil {
		u.CustomerID, u.Line = *r.CustomerID, msisdn.Number(*r.LineNumber)
	}
	return u
}

// User implements identity.Users.
func (s *Store) User(ctx context.Context, id string) (identity.User, error) {
	const query = `
		SELECT ` + userColumns + `
		FROM app_user u
		WHERE ` + named
	row, err := one[userRow](ctx, s, query, id)
	if err != nil {
		return identity.User{}, notFound("read user", err)
	}
	return s.user(ctx, row), nil
}

// one returns the only row of a query, mapped to the fields of T by name.
func one[T any](ctx context.Context, s *Store, query string, args ...any) (T, error) {
	rows, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		var zero T
		return zero, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[T])
}

func notFound(op string, err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return identity.ErrUserNotFound
	}
	return fault(op, err)
}

// Available implements identity.Users.
func (s *Store) Available(ctx context.Context, u identity.User) error {
	const query = `
		SELECT EXISTS (SELECT FROM app_user WHERE lower(user_id COLLATE "C") = lower($1::text COLLATE "C")) AS user_id,
		       EXISTS (SELECT FROM app_user WHERE customer_id = $2) AS customer_id,
		       EXISTS (SELECT FROM app_user WHERE line_number = $3 AND line_moved_at IS NULL) AS line_number`
	taken, err := one[struct{ UserID, CustomerID, LineNumber bool }](ctx, s, query, u.ID, u.CustomerID, u.Line.Digits())
	switch {
	case err != nil:
		return fault("check availability", err)
	case taken.UserID:
		return identity.ErrUserIDTaken
	case taken.CustomerID:
		return identity.ErrCustomerTaken
	case taken.LineNumber:
		return identity.ErrLineTaken
	}
	return nil
}

// Create implements identity.Users. It inserts the whole account in one statement.
func (s *Store) Create(ctx context.Context, a identity.Account) error {
	return s.create(ctx, s.pool, a)
}

func (s *Store) create(ctx context.Context, db audit.Execer, a identity.Account) error {
	const statement = `
		WITH created AS (
			INSERT INTO app_user (user_id, sealed_name, customer_id, line_number, account_status)
			VALUES ($1, $2, nullif($3, ''), nullif($4, ''), $5)
			RETURNING user_id
		), credential AS (
			INSERT INTO credential (user_id, password_hash) SELECT user_id, $6 FROM created
		)
		INSERT INTO user_permission (user_id, permission) SELECT user_id, unnest($7::text[]) FROM created`
	name, err := s.sealName(ctx, a.ID, a.Name)
	if err != nil {
		return fault("create user", err)
	}
	_, err = db.Exec(ctx, statement,
		a.ID, name, a.CustomerID, a.Line.Digits(), string(a.Status), a.PasswordHash, a.Permissions)
	if constraint, ok := pgerr.IsUniqueViolation(err); ok {
		return taken(constraint)
	}
	return fault("create user", err)
}

// taken returns the error for a violated unique constraint.
func taken(constraint string) error {
	switch constraint {
	case "app_user_customer_id_key":
		return identity.ErrCustomerTaken
	case "app_user_line_number_key":
		return identity.ErrLineTaken
	}
	return identity.ErrUserIDTaken
}

// Registered implements identity.Users.
func (s *Store) Registered(ctx context.Context, customerID string, line msisdn.Number) (bool, error) {
	const query = `SELECT EXISTS (SELECT FROM app_user WHERE customer_id = $1 AND line_number = $2 AND line_moved_at IS NULL)`
	var registered bool
	err := s.pool.QueryRow(ctx, query, customerID, line.Digits()).Scan(&registered)
	return registered, fault("read registration", err)
}
