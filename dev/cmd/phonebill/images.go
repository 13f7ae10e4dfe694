package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/images"
	"github.com/phonebill/phonebill/dev/internal/runfile"
)

// buildImages builds the image of every app and prints their references.
func buildImages(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("images", flag.ContinueOnError)
	version := flags.String("version", "", "the `tag` of the images; default: the commit")
	arch := flags.String("arch", "amd64", "the target GOARCH")
	if err := flags.Parse(args); err != nil {
		return err
	}
	root, apps, err := appsOf(".")
	if err != nil {
		return err
	}
	release, err := images.Head(ctx, root, *version)
	if err != nil {
		return err
	}
	builder := images.Builder{Checkout: root, Console: console.New(os.Stdout), Release: release, Arch: *arch}
	built, err := builder.Build(ctx, apps)
	for _, image := range built {
		fmt.Printf("%s:%s@%s\n", images.Repository(image.App), image.Tag, image.Digest)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d images, their SBOMs and %s are in %s\n", len(built), images.DigestsFile, root.Relative(images.Folder(root)))
	return nil
}

// appsOf returns the checkout that contains dir and its app ids.
func appsOf(dir string) (checkout.Checkout, []string, error) {
	root, err := checkout.Find(dir)
	if err != nil {
		return root, nil, err
	}
	file, err := runfile.Load(root.Path("dapr.yaml"))
	apps := make([]string, 0, len(file.Apps))
	for _, app := range file.Apps {
		apps = append(apps, app.ID)
	}
	return root, apps, err
}
