package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/phonebill/phonebill/dev/observe"
	"github.com/phonebill/phonebill/dev/system"
)

// observing starts Prometheus, Alertmanager, the collector and the status page, and stops them at a
// signal.
func observing(ctx context.Context, _ []string) error {
	stack, err := observe.Start(ctx, system.Options{Dir: ".", Out: os.Stdout})
	if err != nil {
		return err
	}
	fmt.Printf(`
The status page is at  %s
Prometheus             http://127.0.0.1:%d
Alertmanager           http://127.0.0.1:%d

They watch the system that %s starts. Press Ctrl-C to stop them; the system keeps running.
`, stack.URL(), observe.PrometheusPort, observe.AlertmanagerPort, "`make run`")
	<-ctx.Done()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer cancel()
	return stack.Stop(stopping)
}
