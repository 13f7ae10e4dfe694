package chaos

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/system"
)

// Gauge is the size of the service's process at a time.
type Gauge struct {
	At         time.Time
	Goroutines int
	Memory     int64 // bytes, resident
}

// gauges reads the service's metrics every second until it is stopped.
type gauges struct {
	url    string
	client *http.Client
	cancel context.CancelFunc
	done   sync.WaitGroup
	seen   []Gauge
}

func watch(s *system.System) *gauges {
	ctx, cancel := context.WithCancel(context.Background())
	g := &gauges{cancel: cancel, client: &http.Client{Timeout: time.Second}}
	for _, app := range s.Apps {
		if system.Role(app.ID) == bills {
			g.url = fmt.Sprintf("http://127.0.0.1:%d/actuator/prometheus", app.Port)
		}
	}
	g.done.Go(func() {
		for proc.Pause(ctx, time.Second) == nil {
			// The process may be restarting.
			if gauge, err := g.poll(ctx); err == nil {
				g.seen = append(g.seen, gauge)
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

func (g *gauges) poll(ctx context.Context) (Gauge, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url, http.NoBody)
	if err != nil {
		return Gauge{}, err
	}
	response, err := g.client.Do(request)
	if err != nil {
		return Gauge{}, err
	}
	defer func() { _ = response.Body.Close() }()
	return readGauge(response.Body, time.Now())
}

// readGauge parses a Prometheus exposition.
func readGauge(metrics io.Reader, at time.Time) (Gauge, error) {
	found := map[string]float64{}
	lines := bufio.NewScanner(metrics)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if name == "go_goroutines" || name == "process_resident_memory_bytes" {
			number, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return Gauge{}, err
			}
			found[name] = number
		}
	}
	if lines.Err() != nil || len(found) < 2 {
		return Gauge{}, fmt.Errorf("missing gauges: got %v, %w", found, lines.Err())
	}
	return Gauge{at, int(found["go_goroutines"]), int64(found["process_resident_memory_bytes"])}, nil
}
