package postgres

import (
	"log/slog"
	"time"

	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/pgerr"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
)

// maxWait is long, because tests that count calls need to see the answers, and without a database
// there are no answers anyway.
const maxWait = time.Second

// NewAnswerWriter returns a group-commit writer of answers.
func NewAnswerWriter(store *Store, log *slog.Logger, metrics *groupcommit.Metrics) *groupcommit.Writer[behavior.Answer] {
	return groupcommit.New(groupcommit.Options[behavior.Answer]{
		Name:      "kos_call",
		Flush:     store.WriteAnswers,
		Transient: pgerr.Unavailable,
		MaxWait:   maxWait,
	}, log, metrics)
}
