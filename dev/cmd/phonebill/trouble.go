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

// trouble puts the running system's KOS into a trouble, and tells what there
// is and what is going on.
func trouble(_ context.Context, args []string) error {
	wanted, err := parseTrouble(args)
	if err != nil {
		return err
	}
	admin, err := standIn(".")
	if err != nil {
		return err
	}
	if err := wanted.carryOut(admin, time.Now(), os.Stdout); err != nil {
		return fmt.Errorf("KOS of the system that `make run` starts: %w", err)
	}
	return nil
}

// standIn returns the admin API of the checkout's KOS.
func standIn(dir string) (*kos.Admin, error) {
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

// none is the trouble that ends all others.
const none = "none"

// wantedTrouble is what was asked for; without a name, to be told.
type wantedTrouble struct{ kos.Trouble }

func parseTrouble(args []string) (wantedTrouble, error) {
	var wanted wantedTrouble
	flags := flag.NewFlagSet("trouble", flag.ContinueOnError)
	flags.StringVar(&wanted.Name, "kos", "", "the trouble; `none` ends all")
	lasting := flags.Duration("for", time.Minute, "how long it lasts")
	flags.StringVar(&wanted.Line, "line", "", "whose calls fail, in "+kos.BadLine)
	endpoints := flags.String("on", "", "endpoints, with commas between them; all but auth if empty")
	if err := flags.Parse(args); err != nil {
		return wanted, err
	}
	if flags.NArg() > 0 {
		return wanted, errors.New("say it as in `make trouble KOS=hang FOR=60s`")
	}
	wanted.Seconds = int(lasting.Round(time.Second).Seconds())
	if wanted.Seconds < 1 {
		return wanted, errors.New("a trouble lasts a second or longer")
	}
	if *endpoints != "" {
		wanted.Endpoints = strings.Split(*endpoints, ",")
	}
	return wanted, nil
}

// carryOut does what was asked for and tells what is going on now.
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
		_, _ = fmt.Fprintf(out, "  %-12s %s\n", none, "Ends all, and whatever else KOS was told.")
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
