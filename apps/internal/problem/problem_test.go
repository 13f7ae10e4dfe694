package problem_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

func TestFromKeepsProblemsAndHidesOtherErrors(t *testing.T) {
	t.Parallel()
	p := problem.New(problem.Conflict, "LINE_TAKEN", "이미 등록된 회선입니다.")
	if got := problem.From(fmt.Errorf("register: %w", p)); got != p {
		t.Errorf("wrapped problem became %v", got)
	}
	fault := errors.New("dial tcp 10.0.0.1: refused")
	got := problem.From(fault)
	if got.Kind != problem.Internal || got.Message != problem.ErrInternal.Message || !errors.Is(got, fault) {
		t.Errorf("other error became %+v", got)
	}
	if problem.From(nil) != nil {
		t.Error("nil became an error")
	}
}

func TestWithMethodsReturnCopies(t *testing.T) {
	t.Parallel()
	base := problem.New(problem.Unavailable, "X", "m")
	changed := base.WithCause(errors.New("c")).WithFields(map[string]string{"a": "b"}).After(time.Minute)
	if base.Details != nil || base.RetryAfter != 0 || base.Unwrap() != nil {
		t.Errorf("original changed: %+v", base)
	}
	if !errors.Is(changed, base) || changed.RetryAfter != time.Minute {
		t.Errorf("incomplete copy: %+v", changed)
	}
	if errors.Is(changed, problem.New(problem.Unavailable, "Y", "m")) {
		t.Error("Is is true for different codes")
	}
}
