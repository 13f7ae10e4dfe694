package system

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/phonebill/phonebill/dev/internal/proc"
)

// Usage is what a part has used since its start, and what it holds.
type Usage struct {
	CPU        time.Duration
	Memory     int64 // bytes, resident
	Goroutines int   // of an app
}

// Usage returns the usage of a part with its child processes.
func (s *System) Usage(ctx context.Context, role Role) (Usage, error) {
	process, err := s.part(role)
	if err != nil {
		return Usage{}, err
	}
	family := process.Family()
	if role == Runner { // its children are parts themselves
		family = []proc.Process{process}
	}
	var usage Usage
	for _, member := range family {
		cpu, memory, err := member.Usage()
		if err != nil {
			continue // it has just ended, and its parent has its CPU time
		}
		usage.CPU += cpu
		usage.Memory += memory
	}
	if usage.Memory == 0 {
		return usage, fmt.Errorf("%s: %w", role, proc.ErrGone)
	}
	if role.isApp() {
		usage.Goroutines, err = s.goroutines(ctx, role)
	}
	return usage, err
}

// goroutines reads the number of an app's goroutines from its metrics.
func (s *System) goroutines(ctx context.Context, app Role) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.AppURL(app)+"/actuator/prometheus", http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if value, found := strings.CutPrefix(lines.Text(), "go_goroutines "); found {
			return strconv.Atoi(value)
		}
	}
	return 0, fmt.Errorf("%s has no metric of its goroutines: %w", app, lines.Err())
}
