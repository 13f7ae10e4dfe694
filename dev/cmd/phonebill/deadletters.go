package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
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

// Variables with the password of a broker that is not the checkout's.
const (
	redisPassword    = "REDIS_PASSWORD"
	rabbitMQPassword = "RABBITMQ_PASSWORD"
)

// broker is where the events are: that of the running system if both addresses are empty.
type broker struct {
	redis, rabbitMQ string // address
	user            string // of RabbitMQ
	tls             bool
}

// deadLetters lists the dead letters of a broker, or sends those of a topic again.
func deadLetters(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("dead-letters", flag.ContinueOnError)
	var from broker
	flags.StringVar(&from.redis, "redis", "", "`address` of another Redis than the running system's; needs "+redisPassword)
	flags.StringVar(&from.rabbitMQ, "rabbitmq", "", "`address` of another RabbitMQ than the running system's; needs "+rabbitMQPassword)
	flags.StringVar(&from.user, "user", "phonebill", "`name` of the user of RabbitMQ")
	flags.BoolVar(&from.tls, "tls", false, "whether to connect by TLS")
	topic := flags.String("replay", "", "`topic` to send the dead letters of to its subscribers again: "+strings.Join(deadletters.Topics, " or "))
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *topic != "" && !slices.Contains(deadletters.Topics, *topic) {
		return fmt.Errorf("no such topic: %s", *topic)
	}
	events, err := from.open()
	if err != nil {
		return err
	}
	defer func() { _ = events.Close() }()
	if *topic == "" {
		return listDeadLetters(ctx, events)
	}
	moved, err := events.Replay(ctx, *topic)
	fmt.Printf("%d events of %s sent again\n", moved, *topic)
	return err
}

func listDeadLetters(ctx context.Context, events deadletters.Broker) error {
	letters, err := events.List(ctx)
	for _, letter := range letters {
		fmt.Println(letter)
	}
	if err == nil && len(letters) == 0 {
		fmt.Println("There are no dead letters.")
	}
	return err
}

// open connects to the broker.
func (b broker) open() (deadletters.Broker, error) {
	own, err := system.Broker(".")
	switch {
	case b.rabbitMQ != "", b.redis == "" && own == system.RabbitMQ:
		return b.openRabbitMQ()
	case b.redis != "", own == system.Redis:
		return b.openRedis()
	case err != nil:
		return nil, err
	}
	return nil, errors.New("the broker of the running system is not known: name it by -redis or -rabbitmq")
}

func (b broker) openRedis() (deadletters.Broker, error) {
	password, err := passwordOf(redisPassword, "redis-auth-key")
	if err != nil {
		return nil, err
	}
	logging.Disable() // the client's log repeats the error
	options := &redis.Options{Addr: cmp.Or(b.redis, system.RedisAddress), Password: password, MaxRetries: -1, DialerRetries: 1}
	if b.tls {
		host, _, err := net.SplitHostPort(options.Addr)
		if err != nil {
			return nil, err
		}
		options.TLSConfig = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	}
	return deadletters.Redis{Client: redis.NewClient(options)}, nil
}

func (b broker) openRabbitMQ() (deadletters.Broker, error) {
	password, err := passwordOf(rabbitMQPassword, "rabbitmq-password")
	if err != nil {
		return nil, err
	}
	address := url.URL{Scheme: "amqp", User: url.UserPassword(b.user, password), Host: cmp.Or(b.rabbitMQ, system.RabbitMQAddress)}
	if b.tls {
		address.Scheme = "amqps"
	}
	return deadletters.DialRabbitMQ(address.String())
}

// passwordOf returns the password in a variable, or else in the checkout's secrets.
func passwordOf(variable, secret string) (string, error) {
	if password := os.Getenv(variable); password != "" {
		return password, nil
	}
	root, err := checkout.Find(".")
	if err != nil {
		return "", err
	}
	known, err := secrets.Load(root.Secrets())
	if err == nil && known[secret] == "" {
		err = errors.New("no password of the broker: start the system once, or set " + variable)
	}
	return known[secret], err
}
