package system

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/rabbitmq"
	"github.com/phonebill/phonebill/dev/internal/redis"
	"github.com/phonebill/phonebill/dev/internal/runfile"
)

// probeTimeout bounds one probe of a part.
const probeTimeout = 2 * time.Second

var prober = &http.Client{
	Timeout:   probeTimeout,
	Transport: &http.Transport{DisableKeepAlives: true},
}

// WaitReady waits until the parts, or all parts if none are given, are ready. It returns an error
// when a part has ended or the context ends, with the parts that are not ready and the reasons.
func (s *System) WaitReady(ctx context.Context, roles ...Role) error {
	if len(roles) == 0 {
		roles = s.Roles()
	}
	var mu sync.Mutex
	pending := make(map[Role]error)
	state := func() string {
		mu.Lock()
		defer mu.Unlock()
		return describe(pending)
	}
	defer s.console.Wait("waiting", state)()
	for {
		found, dead := s.check(ctx, roles)
		mu.Lock()
		pending = found
		mu.Unlock()
		switch {
		case dead != nil:
			return dead
		case len(found) == 0:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("not ready: %s", state())
		}
		// Polling interval, which limits the load on the machine.
		_ = proc.Pause(ctx, 50*time.Millisecond)
	}
}

// check probes the parts concurrently and returns those that are not ready with the reason, and an
// error if a part has ended.
func (s *System) check(ctx context.Context, roles []Role) (pending map[Role]error, dead error) {
	errs := make([]error, len(roles))
	var group sync.WaitGroup
	for i, role := range roles {
		group.Go(func() { errs[i] = s.Ready(ctx, role) })
	}
	group.Wait()
	pending = make(map[Role]error)
	for i, role := range roles {
		if errs[i] == nil {
			continue
		}
		pending[role] = errs[i]
		if errors.Is(errs[i], proc.ErrGone) {
			dead = errors.Join(dead, fmt.Errorf("%s has ended%s", role, s.lastWords(role)))
		}
	}
	return pending, dead
}

func describe(pending map[Role]error) string {
	words := make([]string, 0, len(pending))
	for _, role := range slices.Sorted(maps.Keys(pending)) {
		words = append(words, fmt.Sprintf("%s (%v)", role, pending[role]))
	}
	return strings.Join(words, "; ")
}

// Ready returns nil if the part is ready, otherwise the reason. proc.ErrGone means that it has
// ended.
func (s *System) Ready(ctx context.Context, role Role) error {
	process, err := s.part(role)
	if err != nil {
		return err
	}
	if !process.Alive() {
		return proc.ErrGone
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return s.probe(ctx, role)
}

func (s *System) probe(ctx context.Context, role Role) error {
	switch role {
	case Runner:
		return nil
	case Postgres:
		return s.postgres().Ping(ctx)
	case Redis:
		return redis.Ping(ctx, RedisAddress, s.secrets["redis-auth-key"])
	case RedisCache:
		return redis.Ping(ctx, CacheAddress, s.secrets["redis-cache-auth-key"])
	case RabbitMQ:
		return rabbitmq.Ping(ctx, RabbitMQAddress, s.secrets["rabbitmq-password"])
	case Ingress:
		return probeIngress(ctx, s.URL())
	}
	for _, app := range s.withReplicas() {
		switch role {
		case Role(app.ID):
			return probeApp(ctx, app)
		case Sidecar(Role(app.ID)):
			return probeSidecar(ctx, app)
		}
	}
	return fmt.Errorf("no way to tell whether %s is ready", role)
}

// get returns status and body, limited to the size of a report.
func get(ctx context.Context, url string) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	response, err := prober.Do(request)
	if err != nil {
		// Without the URL, which would only clutter the list of parts.
		if inner := errors.Unwrap(err); inner != nil {
			err = inner
		}
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	return response.StatusCode, body, err
}

// probeIngress requests a route that no app has, because the ingress itself answers it.
func probeIngress(ctx context.Context, url string) error {
	status, _, err := get(ctx, url+"/api/")
	if err == nil && status != http.StatusNotFound {
		err = fmt.Errorf("it answers %d", status)
	}
	return err
}

// probeSidecar checks daprd and its connection to its app.
func probeSidecar(ctx context.Context, app runfile.App) error {
	status, body, err := get(ctx, fmt.Sprintf("http://127.0.0.1:%d/v1.0/healthz", app.HTTPPort))
	if err == nil && status != http.StatusNoContent {
		err = fmt.Errorf("it answers %d: %.200s", status, body)
	}
	return err
}

// probeApp checks an app's readiness report.
func probeApp(ctx context.Context, app runfile.App) error {
	status, body, err := get(ctx, fmt.Sprintf("http://127.0.0.1:%d/actuator/health/readiness", app.Port))
	if err != nil || status == http.StatusOK {
		return err
	}
	var report struct {
		Components map[string]struct{ Status, Reason string } `json:"components"`
	}
	if err := json.Unmarshal(body, &report); err != nil {
		return fmt.Errorf("it answers %d: %.200s", status, body)
	}
	var reasons []string
	for _, name := range slices.Sorted(maps.Keys(report.Components)) {
		if component := report.Components[name]; component.Status != "UP" {
			reasons = append(reasons, name+": "+component.Reason)
		}
	}
	return errors.New(strings.Join(reasons, ", "))
}
