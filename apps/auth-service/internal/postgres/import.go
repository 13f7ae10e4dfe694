package postgres

import (
	"context"
	"strings"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
)

// Import creates the accounts whose ids, customers and lines are all free, in one statement, and
// returns their number.
func (s *Store) Import(ctx context.Context, accounts []identity.Account) (int, error) {
	const statement = `
		WITH incoming AS (
			SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
				AS t (user_id, sealed_name, customer_id, line_number, account_status, password_hash, permissions)
		), created AS (
			INSERT INTO app_user (user_id, sealed_name, customer_id, line_number, account_status)
			SELECT user_id, sealed_name, nullif(customer_id, ''), nullif(line_number, ''), account_status FROM incoming
			ON CONFLICT DO NOTHING
			RETURNING user_id
		), credential AS (
			INSERT INTO credential (user_id, password_hash)
			SELECT user_id, password_hash FROM created JOIN incoming USING (user_id)
		), permission AS (
			INSERT INTO user_permission (user_id, permission)
			SELECT user_id, unnest(string_to_array(permissions, ',')) FROM created JOIN incoming USING (user_id)
		)
		SELECT count(*) FROM created`
	columns := make([][]string, 6) // all columns but the names
	names := make([][]byte, 0, len(accounts))
	for _, a := range accounts {
		name, err := s.sealName(ctx, a.ID, a.Name)
		if err != nil {
			return 0, fault("import users", err)
		}
		names = append(names, name)
		row := []string{
			a.ID, a.CustomerID, a.Line.Digits(), string(a.Status), a.PasswordHash, strings.Join(a.Permissions, ","),
		}
		for i, value := range row {
			columns[i] = append(columns[i], value)
		}
	}
	args := []any{columns[0], names}
	for _, column := range columns[1:] {
		args = append(args, column)
	}
	var created int
	err := s.pool.QueryRow(ctx, statement, args...).Scan(&created)
	return created, fault("import users", err)
}
