-- User ids are case-insensitive and unique. Existing ids that differ only in case stay,
-- as twins: each logs in with its exact spelling as long as another one exists. twin
-- numbers them from 0. New ids have twin 0, so no twin can be added. COLLATE "C" makes
-- lower() use ASCII in every locale.
ALTER TABLE app_user ADD COLUMN twin integer NOT NULL DEFAULT 0;

UPDATE app_user SET twin = twins.number
FROM (
    SELECT user_id, row_number() OVER (PARTITION BY lower(user_id COLLATE "C") ORDER BY created_at, user_id COLLATE "C") - 1 AS number
    FROM app_user
) AS twins
WHERE app_user.user_id = twins.user_id AND twins.number > 0;

CREATE UNIQUE INDEX app_user_canonical_id_key ON app_user (lower(user_id COLLATE "C"), twin);

---- create above / drop below ----

DROP INDEX app_user_canonical_id_key;
ALTER TABLE app_user DROP COLUMN twin;
