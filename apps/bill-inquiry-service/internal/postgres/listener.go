package postgres

import (
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pg"
)

// Lines evicts lines and subscriptions from the caches. See bill.Invalidator.
type Lines interface {
	EvictLine(line msisdn.Number)
	EvictSubscription(s bill.Subscription)
	Listening(listening bool)
}

// Listener returns a listener that passes the notifications of other replicas to lines.
func Listener(lines Lines) pg.Listener {
	return pg.Listener{
		Channels:  []string{LineChanged, LineMoved},
		Listening: lines.Listening,
		Notified: func(channel, payload string) {
			if channel == LineMoved {
				lines.EvictSubscription(readMove(payload))
				return
			}
			lines.EvictLine(msisdn.Number(payload))
		},
	}
}
