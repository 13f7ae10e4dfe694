package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"text/template"

	"github.com/phonebill/phonebill/dev/system"
)

//go:embed welcome.txt.tmpl
var welcomeSource string

var welcome = template.Must(template.New("welcome").Parse(welcomeSource))

// run starts the system, waits for a signal, and drains it.
func run(ctx context.Context, _ []string) error {
	s, err := system.Start(ctx, system.Options{Dir: ".", Out: os.Stdout})
	if err != nil {
		return err
	}
	_ = welcome.Execute(os.Stdout, s) // write errors do not matter
	s.Watch(ctx, func(role system.Role, lastWords string) {
		fmt.Printf("%s has ended; everything else keeps running%s\n", role, lastWords)
	})
	fmt.Println("Stopping: running requests are finished first. Press Ctrl-C again to kill them.")
	hurry, cancel := signal.NotifyContext(context.WithoutCancel(ctx), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := s.Stop(hurry); err != nil {
		return err
	}
	fmt.Println("Stopped.")
	return nil
}

// seed adds generated users to the running system.
func seed(ctx context.Context, args []string) error {
	users, err := strconv.Atoi(strings.Join(args, " "))
	if err != nil || users < 1 {
		return errors.New("want the number of users to add, as in `make seed USERS=1000`")
	}
	return system.Seed(ctx, ".", users, os.Stdout)
}
