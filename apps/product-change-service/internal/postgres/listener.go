package postgres

import (
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pg"
)

// Plans are what lines that other replicas have invalidated are removed from. See
// product.Plans.
type Plans interface {
	Heard(line msisdn.Number)
	Listening(listening bool)
}

// Listener returns what passes the notifications of other replicas to plans.
func Listener(plans Plans) pg.Listener {
	return pg.Listener{
		Channels:  []string{LineChanged},
		Listening: plans.Listening,
		Notified:  func(_, payload string) { plans.Heard(msisdn.Number(payload)) },
	}
}
