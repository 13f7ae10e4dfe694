-- Amounts are sealed: see package seal. Only older releases write the columns in
-- clear; `reseal` empties them.
ALTER TABLE bill_archive ADD COLUMN sealed bytea;
ALTER TABLE inquiry_request ADD COLUMN sealed_summary bytea;
ALTER TABLE inquiry_request ALTER COLUMN summary SET DEFAULT '';

---- create above / drop below ----

-- Sealed values cannot be opened here. KOS is called again for the bills; the
-- summaries are lost.
DELETE FROM bill_archive WHERE document IS NULL;
ALTER TABLE bill_archive DROP COLUMN sealed;
ALTER TABLE inquiry_request ALTER COLUMN summary DROP DEFAULT;
ALTER TABLE inquiry_request DROP COLUMN sealed_summary;
