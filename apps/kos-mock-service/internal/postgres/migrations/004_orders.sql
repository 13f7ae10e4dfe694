-- Decided orders, also refused ones. The log for audits, and the record that makes
-- orders idempotent. Rows are never deleted.
CREATE TABLE kos_order (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id     text NOT NULL UNIQUE,
    client         text NOT NULL,
    line_number    text NOT NULL,
    current_code   text NOT NULL,
    target_code    text NOT NULL,
    requested_date date, -- null if at once
    result_code    text NOT NULL,
    result_message text,                 -- why it was refused; null if it was not
    effective_date date,                 -- first day of the plan; null if refused
    created_at     timestamptz NOT NULL, -- time of the decision
    applied_at     timestamptz,          -- when the plan takes effect, possibly in the future
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

-- The time of the last order of each line. Orders of a line serialize on the row's lock,
-- also if the line does not exist.
CREATE TABLE ordered_line (
    line_number text PRIMARY KEY,
    ordered_at  timestamptz NOT NULL
) WITH (fillfactor = 50);

-- The order that changed the plan; null for the creation of a line.
ALTER TABLE line_order ADD COLUMN request_id text UNIQUE REFERENCES kos_order (request_id);

---- create above / drop below ----

ALTER TABLE line_order DROP COLUMN request_id;
DROP TABLE ordered_line;
DROP TABLE kos_order;
DROP FUNCTION keep_kos_order;
