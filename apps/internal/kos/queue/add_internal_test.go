package queue

import (
	"testing"
	"testing/synctest"

	"github.com/phonebill/phonebill/apps/internal/bubble"
)

func TestFullClassIsRememberedForASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		full := newFullness()
		full.note(Request{Endpoint: "one", Class: Background})
		bubble.Advance(fullFor - 1)
		for request, want := range map[Request]bool{
			{Endpoint: "one", Class: Background}:  true,
			{Endpoint: "one", Class: Interactive}: false,
			{Endpoint: "two", Class: Background}:  false,
		} {
			if got := full.recent(request); got != want {
				t.Errorf("%s %s: %t", request.Endpoint, request.Class, got)
			}
		}
		bubble.Advance(1)
		if full.recent(Request{Endpoint: "one", Class: Background}) {
			t.Error("remembered for longer")
		}
	})
}
