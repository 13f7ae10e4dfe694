package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/deadletters"
	"github.com/phonebill/phonebill/dev/internal/secrets"
	"github.com/phonebill/phonebill/dev/system"
)

// redisPassword is the variable with the password of a Redis that is not the checkout's.
const redisPassword = "REDIS_PASSWORD"

// broker is where the events are.
type broker struct {
	address string
	tls     bool
}

// deadLetters lists the dead letters of a broker, or sends those of a topic again.
func deadLetters(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("dead-letters", flag.ContinueOnError)
	var from broker
	flags.StringVar(&from.address, "redis", system.RedisAddress, "`address` of Redis; another than the running system's needs "+redisPassword)
	flags.BoolVar(&from.tls, "tls", false, "whether to connect by TLS")
	topic := flags.String("replay", "", "`topic` to send the dead letters of to its subscribers again: "+strings.Join(deadletters.Topics, " or "))
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *topic != "" && !slices.Contains(deadletters.Topics, *topic) {
		return fmt.Errorf("no such topic: %s", *topic)
	}
	logging.Disable() // the client's log repeats the error
	client, err := from.open()
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	if *topic == "" {
		return listDeadLetters(ctx, client)
	}
	moved, err := deadletters.Replay(ctx, client, *topic)
	fmt.Printf("%d events of %s sent again\n", moved, *topic)
	return err
}

func listDeadLetters(ctx context.Context, client redis.Cmdable) error {
	letters, err := deadletters.List(ctx, client)
	for _, letter := range letters {
		fmt.Println(letter)
	}
	if err == nil && len(letters) == 0 {
		fmt.Println("There are no dead letters.")
	}
	return err
}

// open returns a client of the broker.
func (b broker) open() (*redis.Client, error) {
	options := &redis.Options{Addr: b.address, Password: os.Getenv(redisPassword), MaxRetries: -1, DialerRetries: 1}
	if options.Password == "" {
		root, err := checkout.Find(".")
		if err != nil {
			return nil, err
		}
		known, err := secrets.Load(root.Secrets())
		if err != nil {
			return nil, err
		}
		options.Password = known["redis-auth-key"]
	}
	if options.Password == "" {
		return nil, errors.New("no password of Redis: start the system once, or set " + redisPassword)
	}
	if b.tls {
		host, _, err := net.SplitHostPort(b.address)
		if err != nil {
			return nil, err
		}
		options.TLSConfig = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	}
	return redis.NewClient(options), nil
}
