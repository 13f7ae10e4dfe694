-- The part of the agreed rate limit that KOS accepts: see package apps/internal/kos/budget.
ALTER TABLE kos_budget
    ADD COLUMN share    float8      NOT NULL DEFAULT 1,
    ADD COLUMN share_at timestamptz NOT NULL DEFAULT 'epoch';

---- create above / drop below ----

ALTER TABLE kos_budget DROP COLUMN share, DROP COLUMN share_at;
