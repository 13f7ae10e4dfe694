package console_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phonebill/phonebill/dev/internal/console"
)

func TestWaitReportsLongOperationsOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		c := console.New(&out)
		done := c.Wait("something short", nil)
		time.Sleep(1900 * time.Millisecond) //nolint:forbidigo // the bubble's clock
		done()
		done() // calling it twice is allowed
		if out.Len() != 0 {
			t.Errorf("output is %q", out.String())
		}
		done = c.Wait("something long", func() string { return "on its way" })
		time.Sleep(20 * time.Second) //nolint:forbidigo // the bubble's clock
		done()
		want := "  … something long (2s): on its way\n  … something long (7s): on its way\n  … something long (17s): on its way\n"
		if out.String() != want {
			t.Errorf("output is %q, want %q", out.String(), want)
		}
	})
}

func TestLinesAreIndented(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	lines := console.New(&out).Lines()
	for _, part := range []string{"one", " line\nanother\n\nnot", " ended"} {
		if n, err := lines.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if want := "  one line\n  another\n  \n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
