package postgres

import (
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pg"
)

// Lines are forgotten when they change. See bill.Invalidator.
type Lines interface {
	Heard(line msisdn.Number)
	MovedElsewhere(s bill.Subscription)
	Listening(listening bool)
}

// Listener returns what passes the notifications of other replicas to lines.
func Listener(lines Lines) pg.Listener {
	return pg.Listener{
		Channels:  []string{LineChanged, LineMoved},
		Listening: lines.Listening,
		Notified: func(channel, payload string) {
			if channel == LineMoved {
				lines.MovedElsewhere(readMove(payload))
				return
			}
			lines.Heard(msisdn.Number(payload))
		},
	}
}
