-- A line may be given to another customer. What is kept of it is the customer's
-- who held it then: the newest bill that KOS told of each line and month is one
-- for each customer. Rows of bill_archive, which software before this one goes on
-- to write, do not name the customer but in what is sealed: they are read as
-- that customer's, and a final one comes here when it is read.
CREATE TABLE customer_bill (
    line_number   text        NOT NULL,
    billing_month text        NOT NULL,
    customer_id   text        NOT NULL,
    final         boolean     NOT NULL,
    as_of         timestamptz NOT NULL,
    sealed        bytea       NOT NULL,
    PRIMARY KEY (line_number, billing_month, customer_id)
);

-- Lines that KOS has given to another customer, and since when that is known.
CREATE TABLE moved_line (
    line_number text        NOT NULL,
    customer_id text        NOT NULL, -- whose it was
    known_since timestamptz NOT NULL,
    PRIMARY KEY (line_number, customer_id)
);

-- For whom KOS is asked. Software before this one does not say.
ALTER TABLE inquiry_request ADD COLUMN customer_id text NOT NULL DEFAULT '';
ALTER TABLE waiting_inquiry ADD COLUMN customer_id text NOT NULL DEFAULT '';
ALTER TABLE waiting_fetch ADD COLUMN customers text[] NOT NULL DEFAULT '{}';

---- create above / drop below ----

-- KOS is asked again for the bills.
ALTER TABLE waiting_fetch DROP COLUMN customers;
ALTER TABLE waiting_inquiry DROP COLUMN customer_id;
ALTER TABLE inquiry_request DROP COLUMN customer_id;
DROP TABLE moved_line;
DROP TABLE customer_bill;
