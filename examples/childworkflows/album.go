package main

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// The contracts. A parent needs no more than the child's: here both have one implementation, in production
// they may live in two services.
var (
	PublishAlbum  = openworkflow.Declare[Album, Report]("publish-album")
	ResizePicture = openworkflow.Declare[Picture, Thumbnail]("resize-picture")
)

// Album is the input of PublishAlbum.
type Album struct{ Pictures []string }

// Report is the result of PublishAlbum.
type Report struct {
	Thumbnails []string
	Broken     []string
}

// Picture is the input of ResizePicture, Thumbnail its result.
type (
	Picture   struct{ Name string }
	Thumbnail struct{ Name string }
)

// ErrBroken says that a picture cannot be read. Its identity reaches the parent.
const ErrBroken = openworkflow.ErrorCode("broken-picture")

// Resizer resizes a picture and returns where it is.
type Resizer interface {
	Resize(ctx context.Context, picture string) (thumbnail string, err error)
}

// Gallery implements the workflows.
type Gallery struct{ Resizer Resizer }

// Workflows lists what a worker executes.
func (g *Gallery) Workflows() []openworkflow.AnyWorkflow {
	return openworkflow.Workflows(
		PublishAlbum.Implement(g.publish),
		ResizePicture.Implement(g.resize),
	)
}

// publish is the parent. Each child has a step of its own name: they are started from goroutines, whose order is
// not the same each time.
func (g *Gallery) publish(ctx openworkflow.Context, in Album) (Report, error) {
	thumbnails := make([]string, len(in.Pictures))
	group, gctx := errgroup.WithContext(ctx)
	wf := openworkflow.WithContext(ctx, gctx)
	for i, name := range in.Pictures {
		group.Go(func() error {
			t, err := step.RunWorkflow(wf, ResizePicture, Picture{name}, step.WithName("resize/"+name), step.WithTimeout(24*time.Hour))
			if errors.Is(err, ErrBroken) {
				return nil // the album is published without it
			}
			thumbnails[i] = t.Name
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return Report{}, err
	}
	var out Report
	for i, name := range in.Pictures {
		if thumbnails[i] == "" {
			out.Broken = append(out.Broken, name)
			continue
		}
		out.Thumbnails = append(out.Thumbnails, thumbnails[i])
	}
	return out, nil
}

// resize is the child.
func (g *Gallery) resize(ctx openworkflow.Context, in Picture) (Thumbnail, error) {
	name, err := step.Run(ctx, "resize", func(ctx context.Context) (string, error) {
		name, err := g.Resizer.Resize(ctx, in.Name)
		if errors.Is(err, ErrBroken) {
			return "", openworkflow.NonRetryable(err)
		}
		return name, err
	})
	return Thumbnail{name}, err
}
