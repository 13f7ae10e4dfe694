package postgres

import (
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pg"
)

// Plans drops lines that other replicas have invalidated. See product.Plans.
type Plans interface {
	Evict(line msisdn.Number)
	Listening(listening bool)
}

// Listener returns a listener that passes the invalidations of all replicas to plans.
func Listener(plans Plans) pg.Listener {
	return pg.Listener{
		Channels:  []string{LineChanged},
		Listening: plans.Listening,
		Notified:  func(_, payload string) { plans.Evict(msisdn.Number(payload)) },
	}
}
