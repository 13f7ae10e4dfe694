package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Archive implements product.Archive and product.Replicas. Lines are sealed; the
// catalogue is public.
type Archive struct {
	pool    *pgxpool.Pool
	keyring *seal.Keyring
}

var (
	_ product.Archive  = (*Archive)(nil)
	_ product.Replicas = (*Archive)(nil)
)

// NewArchive returns the archive in pool's database.
func NewArchive(pool *pgxpool.Pool, keyring *seal.Keyring) *Archive {
	return &Archive{pool: pool, keyring: keyring}
}

const knownSubscriber = `SELECT version, changes, as_of, sealed, document FROM known_subscriber WHERE line_number = $1`

// Subscriber implements product.Archive.
func (a *Archive) Subscriber(ctx context.Context, line msisdn.Number) (product.Subscriber, product.Version, error) {
	var (
		version  product.Version
		asOf     *time.Time
		sealed   []byte
		document *product.Subscriber // in clear, from before lines were sealed; if set, it is the newer one
	)
	err := a.pool.QueryRow(ctx, knownSubscriber, line.Digits()).Scan(&version.Line, &version.Changes, &asOf, &sealed, &document)
	switch {
	case err != nil && !errors.Is(err, pgx.ErrNoRows):
		return product.Subscriber{}, product.Version{}, fmt.Errorf("find archived line: %w", err)
	case document != nil:
		return *document, version, nil
	case sealed == nil, asOf == nil: // invalidated, perhaps by a release that does not seal
		return product.Subscriber{}, version, product.ErrNotArchived
	}
	var found product.Subscriber
	if err := a.keyring.OpenJSON(ctx, sealed, linePlace(line.Digits()), &found); err != nil {
		// The next answer of KOS replaces it.
		telemetry.Annotate(ctx, slog.Any("known_subscriber", err))
		return product.Subscriber{}, version, product.ErrNotArchived
	}
	if !found.AsOf.Truncate(time.Microsecond).Equal(*asOf) {
		return product.Subscriber{}, version, product.ErrNotArchived
	}
	return found, version, nil
}

const keepSubscriber = `
INSERT INTO known_subscriber (line_number, version, as_of, sealed)
VALUES ($1, $2, $3, $4)
ON CONFLICT (line_number) DO UPDATE
SET as_of = excluded.as_of, sealed = excluded.sealed, document = NULL
WHERE known_subscriber.version = excluded.version
  AND (known_subscriber.as_of IS NULL OR known_subscriber.as_of < excluded.as_of)`

// KeepSubscriber implements product.Archive.
func (a *Archive) KeepSubscriber(ctx context.Context, s product.Subscriber, version product.Version) error {
	sealed, err := a.keyring.SealJSON(ctx, s, linePlace(s.Line.Digits()))
	if err != nil {
		return fmt.Errorf("archive line: %w", err)
	}
	if _, err := a.pool.Exec(ctx, keepSubscriber, s.Line.Digits(), version.Line, s.AsOf, sealed); err != nil {
		return fmt.Errorf("archive line: %w", err)
	}
	return nil
}

// invalidateLine deletes the archived copy of a line, increments the line's version and
// notifies every replica on commit.
const invalidateLine = `
WITH forgotten AS (
    INSERT INTO known_subscriber (line_number, version, changes)
    VALUES ($1, 1, $2)
    ON CONFLICT (line_number) DO UPDATE
    SET version = known_subscriber.version + 1, changes = known_subscriber.changes + $2, as_of = NULL, sealed = NULL, document = NULL
    RETURNING line_number
)
SELECT pg_notify('` + LineChanged + `', line_number) FROM forgotten`

// Invalidate implements product.Replicas.
func (a *Archive) Invalidate(ctx context.Context, line msisdn.Number) error {
	if _, err := a.pool.Exec(ctx, invalidateLine, line.Digits(), 0); err != nil {
		return fmt.Errorf("invalidate line: %w", err)
	}
	return nil
}

const knownCatalogue = `SELECT document FROM known_catalogue`

// Catalogue implements product.Archive.
func (a *Archive) Catalogue(ctx context.Context) (product.Catalogue, error) {
	var found product.Catalogue
	err := a.pool.QueryRow(ctx, knownCatalogue).Scan(&found)
	if errors.Is(err, pgx.ErrNoRows) {
		return product.Catalogue{}, product.ErrNotArchived
	}
	if err != nil {
		return product.Catalogue{}, fmt.Errorf("find archived catalogue: %w", err)
	}
	return found, nil
}

const keepCatalogue = `
INSERT INTO known_catalogue (as_of, document)
VALUES ($1, $2)
ON CONFLICT (one) DO UPDATE
SET as_of = excluded.as_of, document = excluded.document
WHERE known_catalogue.as_of < excluded.as_of`

// KeepCatalogue implements product.Archive.
func (a *Archive) KeepCatalogue(ctx context.Context, c product.Catalogue) error {
	if _, err := a.pool.Exec(ctx, keepCatalogue, c.AsOf, c); err != nil {
		return fmt.Errorf("archive catalogue: %w", err)
	}
	return nil
}
