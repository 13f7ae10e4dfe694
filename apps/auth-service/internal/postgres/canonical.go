package postgres

// named is the SQL condition that app_user u has the id $1, regardless of case; ids that differ
// only in case (see migration 010) match by exact spelling. All other tables refer to users by the
// registered spelling.
const named = `(
	lower(u.user_id COLLATE "C") = lower($1::text COLLATE "C")
	AND (u.user_id = $1 OR NOT EXISTS (
		SELECT FROM app_user twin
		WHERE lower(twin.user_id COLLATE "C") = lower($1::text COLLATE "C") AND twin.user_id <> u.user_id)))`
