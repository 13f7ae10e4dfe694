package chaos

import (
	"context"
	"sync"
	"time"

	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/stage"
	"github.com/phonebill/phonebill/dev/system"
)

// Gauge is the size of the service's process at a time.
type Gauge struct {
	At         time.Time
	Goroutines int
	Memory     int64 // bytes, resident
}

// gauges reads the usage of the bill service every second until it is stopped.
type gauges struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	seen   []Gauge
}

func watch(s *system.System) *gauges {
	ctx, cancel := context.WithCancel(context.Background())
	g := &gauges{cancel: cancel}
	g.done.Go(func() {
		for proc.Pause(ctx, time.Second) == nil {
			// The process may be restarting.
			if usage, err := s.Usage(ctx, stage.Bills); err == nil {
				g.seen = append(g.seen, Gauge{time.Now(), usage.Goroutines, usage.Memory})
			}
		}
	})
	return g
}

// stop returns the readings. It may be called twice.
func (g *gauges) stop() []Gauge {
	g.cancel()
	g.done.Wait()
	return g.seen
}
