package postgres

import (
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pg"
)

// Plans are told of lines that other replicas have invalidated. See
// product.Plans.
type Plans interface {
	Heard(line msisdn.Number)
	Listening(told bool)
}

// Outcomes are told of changes that have become final. See change.Outcomes.
type Outcomes interface {
	Announce(requestID string)
}

// Listener passes on what replicas tell one another. Who waits for an outcome
// looks for it now and then, so that nothing need be said of outcomes missed.
func Listener(plans Plans, outcomes Outcomes) pg.Listener {
	return pg.Listener{
		Channels:  []string{ChangeFinished, LineChanged},
		Listening: plans.Listening,
		Notified: func(channel, payload string) {
			switch channel {
			case ChangeFinished:
				outcomes.Announce(payload)
			case LineChanged:
				plans.Heard(msisdn.Number(payload))
			}
		},
	}
}
