-- Lines created at run time. Test lines and the population are computed and have no rows.
CREATE TABLE line (
    line_number   text PRIMARY KEY CHECK (line_number ~ '^010[0-9]{8}$'),
    customer_id   text NOT NULL,
    customer_name text NOT NULL,
    contract_date date NOT NULL,
    opened_at     timestamptz NOT NULL
);

-- Orders that changed the plan of a line. For a line created at run time, the first
-- order is its creation.
CREATE TABLE line_order (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    line_number    text NOT NULL,
    product_code   text NOT NULL,
    effective_from date NOT NULL,
    ordered_at     timestamptz NOT NULL
);

CREATE INDEX line_order_by_line ON line_order (line_number, effective_from, id);

---- create above / drop below ----

DROP TABLE line_order;
DROP TABLE line;
