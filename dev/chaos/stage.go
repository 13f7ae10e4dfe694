package chaos

import (
	"context"
	"io"

	"github.com/phonebill/phonebill/dev/chaos/internal/stage"
)

// scene is the stage with access to the service's rows.
type scene struct {
	*stage.Stage

	database database
}

// openScene starts an empty system with additional environment variables.
func openScene(ctx context.Context, env []string, out io.Writer) (*scene, error) {
	s, err := stage.Open(ctx, "chaos", env, out)
	if err != nil {
		return nil, err
	}
	return &scene{s, openDatabase(s.Secrets)}, nil
}

// customer returns a seeded user who has not logged in.
func (s *scene) customer(n int) *customer {
	return &customer{
		api: s.Client(), user: stage.User(n), line: stage.Line(n),
		answers: map[string]int{}, done: newProgress(),
	}
}
