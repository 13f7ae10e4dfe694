-- KOS's newest bill of each line and month. KOS is never called again for a final
-- one.
CREATE TABLE bill_archive (
    line_number   text        NOT NULL,
    billing_month text        NOT NULL,
    final         boolean     NOT NULL,
    as_of         timestamptz NOT NULL,
    document      jsonb       NOT NULL,
    PRIMARY KEY (line_number, billing_month)
);

-- History of requests, stored for 2 years. The id is a UUID of version 7, whose time
-- is that of the request and so determines the partition.
CREATE TABLE inquiry_request (
    request_id    uuid        NOT NULL,
    requested_at  timestamptz NOT NULL,
    user_id       text        NOT NULL,
    line_number   text        NOT NULL,
    inquiry_month text        NOT NULL,
    status        text        NOT NULL CHECK (status IN ('PROCESSING', 'COMPLETED', 'FAILED')),
    result_code   text        NOT NULL,
    summary       text        NOT NULL,
    processed_at  timestamptz,
    PRIMARY KEY (request_id, requested_at)
) PARTITION BY RANGE (requested_at);

CREATE INDEX inquiry_request_of_user ON inquiry_request (user_id, requested_at DESC, request_id DESC);
CREATE TABLE inquiry_request_default PARTITION OF inquiry_request DEFAULT;

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
DROP TABLE inquiry_request;
DROP TABLE bill_archive;
