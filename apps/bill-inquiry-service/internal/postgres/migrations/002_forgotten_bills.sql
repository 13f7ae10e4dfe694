-- A bill that must not be told any more, because the line has a new plan,
-- leaves its row without a document: a bill that KOS told earlier must not take
-- its place.
ALTER TABLE bill_archive ALTER COLUMN document DROP NOT NULL;

---- create above / drop below ----

DELETE FROM bill_archive WHERE document IS NULL;
ALTER TABLE bill_archive ALTER COLUMN document SET NOT NULL;
