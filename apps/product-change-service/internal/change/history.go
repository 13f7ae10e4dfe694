package change

import (
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/query"
)

// Filter chooses changes of the history.
type Filter struct {
	UserID string
	Lines  []msisdn.Number // any of these
	From   time.Time       // inclusive; zero: the beginning
	Until  time.Time       // exclusive; zero: now
	Status Status          // "": any
	Page   query.Page
}

// MaxDepth bounds how far back pages go and totals count, so that no page
// costs more than reading this many index entries.
const MaxDepth = 10_000

// Page is a part of the history.
type Page struct {
	Changes []Change // newest first
	Total   int      // at most MaxDepth
}
