-- A bill that is invalidated by a plan change leaves its row without a document, so
-- that an older answer of KOS cannot take its place.
ALTER TABLE bill_archive ALTER COLUMN document DROP NOT NULL;

---- create above / drop below ----

DELETE FROM bill_archive WHERE document IS NULL;
ALTER TABLE bill_archive ALTER COLUMN document SET NOT NULL;
