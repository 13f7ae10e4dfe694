package change

import (
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/query"
)

// Filter selects changes of the history.
type Filter struct {
	UserID string
	Lines  []msisdn.Number // any of these
	From   time.Time       // inclusive; zero: the beginning
	Until  time.Time       // exclusive; zero: now
	Status Status          // "": any
	Page   query.Page
}

// MaxDepth bounds how far back pages go and totals count: no page reads more index
// entries than this.
const MaxDepth = 10_000

// Page is a part of the history.
type Page struct {
	Changes []Change // newest first
	Total   int      // at most MaxDepth
}
