package postgres

// named is whether the owner of app_user u goes by the id $1: by any case of it,
// but of twins (see migration 010) by the exact spelling only. Whatever else is
// kept about a user is kept by the id as it was registered.
const named = `(
	lower(u.user_id COLLATE "C") = lower($1::text COLLATE "C")
	AND (u.user_id = $1 OR NOT EXISTS (
		SELECT FROM app_user twin
		WHERE lower(twin.user_id COLLATE "C") = lower($1::text COLLATE "C") AND twin.user_id <> u.user_id)))`
