-- KOS may recycle a line number. The account of the former customer keeps the number,
-- with the time at which the new customer registered; since then the line belongs to
-- the new account. The index has the name of the former constraint, by which replicas
-- of the previous release detect that a line is taken.
ALTER TABLE app_user ADD COLUMN line_moved_at timestamptz;
ALTER TABLE app_user DROP CONSTRAINT app_user_line_number_key;
CREATE UNIQUE INDEX app_user_line_number_key ON app_user (line_number) WHERE line_moved_at IS NULL;

---- create above / drop below ----

-- Fails if a line has moved: two accounts have it, and neither may be deleted.
DROP INDEX app_user_line_number_key;
ALTER TABLE app_user ADD CONSTRAINT app_user_line_number_key UNIQUE (line_number);
ALTER TABLE app_user DROP COLUMN line_moved_at;
