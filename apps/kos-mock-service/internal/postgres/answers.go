package postgres

import (
	"log/slog"
	"time"

	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/pgerr"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
)

// maxWait is long because those who count calls want to see what was answered,
// and without a database there are no answers anyway.
const maxWait = time.Second

// NewAnswerWriter returns the writer of answers, which commits those of
// concurrent calls together.
func NewAnswerWriter(store *Store, log *slog.Logger, metrics *groupcommit.Metrics) *groupcommit.Writer[behavior.Answer] {
	return groupcommit.New(groupcommit.Options[behavior.Answer]{
		Name:      "kos_call",
		Flush:     store.WriteAnswers,
		Transient: pgerr.Unavailable,
		MaxWait:   maxWait,
	}, log, metrics)
}
