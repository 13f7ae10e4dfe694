-- KOS's newest bill of each line, month and customer: a line may be given to another
-- customer. Rows of bill_archive, which older releases still write, name the customer
-- only inside the sealed document. They are attributed when they are read, and final
-- ones are copied to this table then.
CREATE TABLE customer_bill (
    line_number   text        NOT NULL,
    billing_month text        NOT NULL,
    customer_id   text        NOT NULL,
    final         boolean     NOT NULL,
    as_of         timestamptz NOT NULL,
    sealed        bytea       NOT NULL,
    PRIMARY KEY (line_number, billing_month, customer_id)
);

-- Lines that KOS has given to other customers, and since when that is known.
CREATE TABLE moved_line (
    line_number text        NOT NULL,
    customer_id text        NOT NULL, -- the former customer
    known_since timestamptz NOT NULL,
    PRIMARY KEY (line_number, customer_id)
);

-- The customers of inquiries and fetches. Older releases do not write them.
ALTER TABLE inquiry_request ADD COLUMN customer_id text NOT NULL DEFAULT '';
ALTER TABLE waiting_inquiry ADD COLUMN customer_id text NOT NULL DEFAULT '';
ALTER TABLE waiting_fetch ADD COLUMN customers text[] NOT NULL DEFAULT '{}';

---- create above / drop below ----

-- KOS is called again for the bills.
ALTER TABLE waiting_fetch DROP COLUMN customers;
ALTER TABLE waiting_inquiry DROP COLUMN customer_id;
ALTER TABLE inquiry_request DROP COLUMN customer_id;
DROP TABLE moved_line;
DROP TABLE customer_bill;
