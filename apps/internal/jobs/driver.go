package jobs

import (
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/phonebill/phonebill/apps/internal/pg"
)

// Driver returns a River driver on pool that listens on direct, because a pooler
// in transaction mode does not deliver notifications.
func Driver(pool *pgxpool.Pool, direct pg.Direct) riverdriver.Driver[pgx.Tx] {
	return driver{riverpgxv5.New(pool), riverpgxv5.New(direct.Pool)}
}

type driver struct {
	*riverpgxv5.Driver
	direct *riverpgxv5.Driver
}

// GetListener implements riverdriver.Driver.
func (d driver) GetListener(params *riverdriver.GetListenenerParams) riverdriver.Listener {
	return d.direct.GetListener(params)
}
