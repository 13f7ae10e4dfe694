-- Every change of plan that KOS has decided on, refusals included: the log that
-- audits read, and the reason why no order counts twice. Kept for ever.
CREATE TABLE kos_order (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id     text NOT NULL UNIQUE,
    client         text NOT NULL,
    line_number    text NOT NULL,
    current_code   text NOT NULL,
    target_code    text NOT NULL,
    requested_date date, -- null: at once
    result_code    text NOT NULL,
    result_message text,                 -- why it was refused; null: it was not
    effective_date date,                 -- from then on the plan is in force; null: refused
    created_at     timestamptz NOT NULL, -- when it was decided
    applied_at     timestamptz,          -- effective_date as an instant, which may be to come
    CHECK ((result_code = '0000') = (result_message IS NULL)),
    CHECK ((result_code = '0000') = (effective_date IS NOT NULL)),
    CHECK ((result_code = '0000') = (applied_at IS NOT NULL))
);

CREATE INDEX kos_order_by_time ON kos_order (created_at, id);

CREATE FUNCTION keep_kos_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'kos_order is a log: its rows stay as they are';
END $$;

CREATE TRIGGER keep BEFORE UPDATE OR DELETE OR TRUNCATE ON kos_order
    FOR EACH STATEMENT EXECUTE FUNCTION keep_kos_order();

-- What orders of one line queue for, whether or not the line exists: a row that
-- holds the time of its last one.
CREATE TABLE ordered_line (
    line_number text PRIMARY KEY,
    ordered_at  timestamptz NOT NULL
) WITH (fillfactor = 50);

-- The order that put the plan in force; null for the opening of a line.
ALTER TABLE line_order ADD COLUMN request_id text UNIQUE REFERENCES kos_order (request_id);

---- create above / drop below ----

ALTER TABLE line_order DROP COLUMN request_id;
DROP TABLE ordered_line;
DROP TABLE kos_order;
DROP FUNCTION keep_kos_order;
