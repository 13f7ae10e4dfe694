package postgres

import (
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pg"
)

// Lines are what hears of changed lines. See bill.Bills.
type Lines interface {
	Heard(line msisdn.Number)
	MovedElsewhere(s bill.Subscription)
	Listening(told bool)
}

// Signals wake who waits for something. See bill.Signals.
type Signals interface {
	Announce(key string)
	AnnounceAll()
}

// Listener passes on what replicas tell one another. Who waits looks for itself
// when listening begins: before, something may have been missed.
func Listener(lines Lines, signals Signals) pg.Listener {
	return pg.Listener{
		Channels: []string{LineChanged, LineMoved, FetchDone},
		Listening: func(told bool) {
			lines.Listening(told)
			if told {
				signals.AnnounceAll()
			}
		},
		Notified: func(channel, payload string) {
			switch channel {
			case LineChanged:
				lines.Heard(msisdn.Number(payload))
			case LineMoved:
				lines.MovedElsewhere(readMove(payload))
			case FetchDone:
				signals.Announce(payload)
			}
		},
	}
}
