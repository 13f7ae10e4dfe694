-- Fetches that wait for admission. There is one row for a line and month, or for a
-- line alone.
CREATE SEQUENCE waiting_place;

CREATE TABLE waiting_fetch (
    fetch_id      bigint      NOT NULL GENERATED ALWAYS AS IDENTITY UNIQUE,
    endpoint      text        NOT NULL,
    line_number   text        NOT NULL,
    billing_month text        NOT NULL, -- '': the customer of the line
    request_id    uuid        NOT NULL, -- sent to KOS
    class         smallint    NOT NULL CHECK (class IN (0, 1)), -- interactive, background
    round         bigint      NOT NULL, -- of the round-robin of lines
    place         bigint      NOT NULL DEFAULT nextval('waiting_place'),
    since         timestamptz NOT NULL,
    due_at        timestamptz NOT NULL, -- set aside until then
    refresh       boolean     NOT NULL, -- fetch even if there is a cached copy
    reason        text        NOT NULL, -- of a prefetch
    taken_until   timestamptz,          -- claimed until then
    tries         integer     NOT NULL DEFAULT 0, -- attempts without an answer of KOS
    failing_since timestamptz,
    PRIMARY KEY (line_number, billing_month)
);

CREATE INDEX waiting_fetch_in_line ON waiting_fetch (endpoint, class, round, place);
CREATE INDEX waiting_fetch_of_line ON waiting_fetch (line_number, class, round);

-- The inquiries that wait for a fetch, with their first position.
CREATE TABLE waiting_inquiry (
    request_id    uuid        PRIMARY KEY,
    requested_at  timestamptz NOT NULL,
    line_number   text        NOT NULL,
    billing_month text        NOT NULL,
    first_ahead   integer     NOT NULL
);

CREATE INDEX waiting_inquiry_of_fetch ON waiting_inquiry (line_number, billing_month);

-- Outages of KOS's endpoints: when they began, and until when KOS is not called.
CREATE TABLE resting_endpoint (
    endpoint    text        PRIMARY KEY,
    rests_until timestamptz NOT NULL,
    away_since  timestamptz
);

-- Finds the active lines.
CREATE INDEX inquiry_request_of_time ON inquiry_request (requested_at, line_number);

-- See package apps/internal/kos/budget.
CREATE TABLE kos_budget (
    client   text        NOT NULL,
    endpoint text        NOT NULL,
    full_at  timestamptz NOT NULL,
    share    float8      NOT NULL DEFAULT 1,
    share_at timestamptz NOT NULL DEFAULT 'epoch',
    PRIMARY KEY (client, endpoint)
);

---- create above / drop below ----

DROP TABLE kos_budget;
DROP INDEX inquiry_request_of_time;
DROP TABLE resting_endpoint;
DROP TABLE waiting_inquiry;
DROP TABLE waiting_fetch;
DROP SEQUENCE waiting_place;
