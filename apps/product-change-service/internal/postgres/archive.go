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

const knownSubscriber = `SELECT version, as_of, sealed, document FROM known_subscriber WHERE line_number = $1`

// Subscriber implements product.Archive.
func (a *Archive) Subscriber(ctx context.Context, line msisdn.Number) (product.Subscriber, product.Mark, error) {
	var (
		mark     product.Mark
		asOf     *time.Time
		sealed   []byte
		document *product.Subscriber // from before lines were sealed: it is the newer one
	)
	err := a.pool.QueryRow(ctx, knownSubscriber, line.Digits()).Scan(&mark, &asOf, &sealed, &document)
	switch {
	case err != nil && !errors.Is(err, pgx.ErrNoRows):
		return product.Subscriber{}, 0, fmt.Errorf("find line: %w", err)
	case document != nil:
		return *document, mark, nil
	case sealed == nil, asOf == nil: // forgotten, maybe by software that does not seal yet
		return product.Subscriber{}, mark, product.ErrNotKept
	}
	var found product.Subscriber
	if err := a.keyring.OpenJSON(ctx, sealed, linePlace(line.Digits()), &found); err != nil {
		// The next answer of KOS takes its place.
		telemetry.Annotate(ctx, slog.Any("known_subscriber", err))
		return product.Subscriber{}, mark, product.ErrNotKept
	}
	if !found.AsOf.Truncate(time.Microsecond).Equal(*asOf) {
		return product.Subscriber{}, mark, product.ErrNotKept
	}
	return found, mark, nil
}

const keepSubscriber = `
INSERT INTO known_subscriber (line_number, version, as_of, sealed)
VALUES ($1, $2, $3, $4)
ON CONFLICT (line_number) DO UPDATE
SET as_of = excluded.as_of, sealed = excluded.sealed, document = NULL
WHERE known_subscriber.version = excluded.version
  AND (known_subscriber.as_of IS NULL OR known_subscriber.as_of < excluded.as_of)`

// KeepSubscriber implements product.Archive.
func (a *Archive) KeepSubscriber(ctx context.Context, s product.Subscriber, mark product.Mark) error {
	sealed, err := a.keyring.SealJSON(ctx, s, linePlace(s.Line.Digits()))
	if err != nil {
		return fmt.Errorf("keep line: %w", err)
	}
	if _, err := a.pool.Exec(ctx, keepSubscriber, s.Line.Digits(), int64(mark), s.AsOf, sealed); err != nil {
		return fmt.Errorf("keep line: %w", err)
	}
	return nil
}

// forgetLine makes the archive forget a line and, when it is committed, every
// replica hear of it.
const forgetLine = `
WITH forgotten AS (
    INSERT INTO known_subscriber (line_number, version)
    VALUES ($1, 1)
    ON CONFLICT (line_number) DO UPDATE
    SET version = known_subscriber.version + 1, as_of = NULL, sealed = NULL, document = NULL
    RETURNING line_number
)
SELECT pg_notify('` + LineChanged + `', line_number) FROM forgotten`

// Tell implements product.Replicas.
func (a *Archive) Tell(ctx context.Context, line msisdn.Number) error {
	if _, err := a.pool.Exec(ctx, forgetLine, line.Digits()); err != nil {
		return fmt.Errorf("forget line: %w", err)
	}
	return nil
}

const knownCatalogue = `SELECT document FROM known_catalogue`

// Catalogue implements product.Archive.
func (a *Archive) Catalogue(ctx context.Context) (product.Catalogue, error) {
	var found product.Catalogue
	err := a.pool.QueryRow(ctx, knownCatalogue).Scan(&found)
	if errors.Is(err, pgx.ErrNoRows) {
		return product.Catalogue{}, product.ErrNotKept
	}
	if err != nil {
		return product.Catalogue{}, fmt.Errorf("find catalogue: %w", err)
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
		return fmt.Errorf("keep catalogue: %w", err)
	}
	return nil
}
