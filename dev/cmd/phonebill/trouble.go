package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/runfile"
)

// trouble starts a trouble at the running system's KOS mock, and prints the predefined and current
// ones.
func trouble(_ context.Context, args []string) error {
	wanted, err := parseTrouble(args)
	if err != nil {
		return err
	}
	admin, err := mock(".")
	if err != nil {
		return err
	}
	if err := wanted.carryOut(admin, time.Now(), os.Stdout); err != nil {
		return fmt.Errorf("KOS of the system that `make run` starts: %w", err)
	}
	return nil
}

// mock returns the admin API of the checkout's KOS mock.
func mock(dir string) (*kos.Admin, error) {
	root, err := checkout.Find(dir)
	if err != nil {
		return nil, err
	}
	file, err := runfile.Load(root.Path("dapr.yaml"))
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(file.Apps, func(app runfile.App) bool { return app.ID == "kos-mock-service" })
	if i < 0 {
		return nil, errors.New("dapr.yaml has no kos-mock-service")
	}
	return kos.New(fmt.Sprintf("http://127.0.0.1:%d", file.Apps[i].Port), nil), nil
}

// none is the name that ends all troubles.
const none = "none"

// wantedTrouble is the parsed command line; without a name it only lists.
type wantedTrouble struct{ kos.Trouble }

func parseTrouble(args []string) (wantedTrouble, error) {
	var wanted wantedTrouble
	flags := flag.NewFlagSet("trouble", flag.ContinueOnError)
	flags.StringVar(&wanted.Name, "kos", "", "name of the trouble; `none` ends all")
	lasting := flags.Duration("for", time.Minute, "duration")
	flags.StringVar(&wanted.Line, "line", "", "the line for "+kos.BadLine)
	endpoints := flags.String("on", "", "comma-separated endpoints; default: all but auth")
	if err := flags.Parse(args); err != nil {
		return wanted, err
	}
	if flags.NArg() > 0 {
		return wanted, errors.New("want arguments as in `make trouble KOS=hang FOR=60s`")
	}
	wanted.Seconds = int(lasting.Round(time.Second).Seconds())
	if wanted.Seconds < 1 {
		return wanted, errors.New("a trouble must last at least a second")
	}
	if *endpoints != "" {
		wanted.Endpoints = strings.Split(*endpoints, ",")
	}
	return wanted, nil
}

// carryOut starts or ends troubles and prints the current ones.
func (w wantedTrouble) carryOut(admin *kos.Admin, now time.Time, out io.Writer) error {
	var err error
	switch w.Name {
	case "":
	case none:
		err = admin.Reset()
	default:
		err = admin.Trouble(w.Trouble)
	}
	if err != nil {
		return err
	}
	troubles, err := admin.Troubles()
	if err != nil {
		return err
	}
	if w.Name == "" {
		for _, known := range troubles.Known {
			_, _ = fmt.Fprintf(out, "  %-12s %s\n", known.Name, known.Does)
		}
		_, _ = fmt.Fprintf(out, "  %-12s %s\n", none, "Ends all troubles and removes all overrides.")
	}
	if len(troubles.Now) == 0 {
		_, _ = fmt.Fprintln(out, "KOS is in no trouble.")
	}
	for _, current := range troubles.Now {
		_, _ = fmt.Fprintf(out, "%s: %s, for another %s\n",
			current.Endpoint, current.Name, max(current.Until.Sub(now), 0).Round(time.Second))
	}
	return nil
}
