package main

import (
	"context"
	"os"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/cli"
)

func main() {
	os.Exit(cli.Run(context.Background(), cli.Options{Name: "openworkflow"}))
}
