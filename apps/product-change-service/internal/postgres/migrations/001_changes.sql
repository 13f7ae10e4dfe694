-- History of requests, stored for 2 years, and the state of each change. The id is a
-- UUID of version 7, whose time is that of the request and so determines the partition.
CREATE TABLE change_request (
    request_id     uuid        NOT NULL,
    requested_at   timestamptz NOT NULL,
    user_id        text        NOT NULL,
    customer_id    text        NOT NULL,
    line_number    text        NOT NULL,
    current_code   text        NOT NULL,
    current_name   text        NOT NULL,
    target_code    text        NOT NULL,
    target_name    text        NOT NULL,
    target_product jsonb       NOT NULL, -- copied from the catalogue
    effective_on   date,                 -- null if at once
    status         text        NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED')),
    wait_reason    text        NOT NULL DEFAULT '',
    attempts       integer     NOT NULL DEFAULT 0,
    result_code    text        NOT NULL DEFAULT '',
    result_message text        NOT NULL DEFAULT '',
    processed_at   timestamptz,
    PRIMARY KEY (request_id, requested_at),
    CHECK ((status IN ('COMPLETED', 'FAILED')) = (processed_at IS NOT NULL))
) PARTITION BY RANGE (requested_at);

CREATE INDEX change_request_of_user ON change_request (user_id, requested_at DESC, request_id DESC);
CREATE TABLE change_request_default PARTITION OF change_request DEFAULT;

-- Changes that are not final, in order of arrival. A line has at most one.
CREATE TABLE running_change (
    line_number  text        PRIMARY KEY,
    request_id   uuid        NOT NULL UNIQUE,
    requested_at timestamptz NOT NULL,
    place        bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    due_at       timestamptz NOT NULL,               -- time of the next attempt
    aside        boolean     NOT NULL DEFAULT false, -- set aside: others pass it
    asked        boolean     NOT NULL DEFAULT false, -- an order was sent to KOS and its outcome is unknown
    asked_at     timestamptz,                        -- when it was last sent
    unanswered   integer     NOT NULL DEFAULT 0      -- calls in a row without an answer
);

CREATE INDEX running_change_in_line ON running_change (place) WHERE NOT aside;

-- Idempotency keys of requests.
CREATE TABLE idempotency_key (
    user_id    text        NOT NULL,
    key        text        NOT NULL,
    request_id uuid        NOT NULL,
    body       bytea       NOT NULL, -- digest of the request body
    created_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, key)
);

CREATE INDEX idempotency_key_age ON idempotency_key (created_at);

-- The last answer of KOS about each line, served while KOS is unavailable. version counts
-- the invalidations of a line: an answer that was requested before one is not stored.
CREATE TABLE known_subscriber (
    line_number text   PRIMARY KEY,
    version     bigint NOT NULL,
    as_of       timestamptz,
    document    jsonb
);

CREATE TABLE known_catalogue (
    one      boolean     PRIMARY KEY DEFAULT true CHECK (one), -- allows only one row
    as_of    timestamptz NOT NULL,
    document jsonb       NOT NULL
);

-- See package apps/internal/kos/budget.
CREATE TABLE kos_budget (
    client   text        NOT NULL,
    endpoint text        NOT NULL,
    full_at  timestamptz NOT NULL,
    PRIMARY KEY (client, endpoint)
);

-- History of processing: each exchange with KOS, stored for 1 year. The line is
-- masked: this table is for system operators.
CREATE TABLE kos_exchange (
    exchange_id uuid        NOT NULL,
    at          timestamptz NOT NULL,
    request_id  uuid        NOT NULL,
    endpoint    text        NOT NULL,
    line_masked text        NOT NULL,
    result_code text        NOT NULL,
    outcome     text        NOT NULL CHECK (outcome IN ('ANSWERED', 'BUSY', 'UNAVAILABLE')),
    took_ms     integer     NOT NULL,
    PRIMARY KEY (exchange_id, at)
) PARTITION BY RANGE (at);

CREATE INDEX kos_exchange_of_request ON kos_exchange (request_id);
CREATE TABLE kos_exchange_default PARTITION OF kos_exchange DEFAULT;

---- create above / drop below ----

DROP TABLE kos_exchange;
DROP TABLE kos_budget;
DROP TABLE known_catalogue;
DROP TABLE known_subscriber;
DROP TABLE idempotency_key;
DROP TABLE running_change;
DROP TABLE change_request;
