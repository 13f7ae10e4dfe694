// Package periodic runs the periodic jobs of the service, each on one replica at a
// time. A job is a row in River's tables.
package periodic

import (
	"github.com/riverqueue/river"

	"github.com/phonebill/phonebill/apps/internal/jobs"
)

// queue is River's queue of all jobs.
const queue = "periodic"

// nightlyArgs are the arguments of the nightly refresh, which does nothing by day.
type nightlyArgs struct{}

// Kind names the job in River's tables.
func (nightlyArgs) Kind() string { return "nightly" }

// InsertOpts makes the job unique in its queue.
func (nightlyArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{
		Queue: queue, MaxAttempts: jobs.MaxAttempts,
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByQueue: true, ByState: jobs.UnfinishedStates()},
	}
}
