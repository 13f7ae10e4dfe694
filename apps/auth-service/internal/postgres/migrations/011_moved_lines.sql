-- KOS may give a number to another customer. The former customer's account keeps
-- it, with the time at which the new customer registered: from then on the line
-- belongs to the new account. The index has the name of the constraint before it,
-- by which software of before, still running, tells that a line is taken.
ALTER TABLE app_user ADD COLUMN line_moved_at timestamptz;
ALTER TABLE app_user DROP CONSTRAINT app_user_line_number_key;
CREATE UNIQUE INDEX app_user_line_number_key ON app_user (line_number) WHERE line_moved_at IS NULL;

---- create above / drop below ----

-- Fails if a line has moved: two accounts name it, and neither may be dropped.
DROP INDEX app_user_line_number_key;
ALTER TABLE app_user ADD CONSTRAINT app_user_line_number_key UNIQUE (line_number);
ALTER TABLE app_user DROP COLUMN line_moved_at;
