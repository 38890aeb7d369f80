// Promql reads the alert rules, the dashboard and the queries of the guide as Prometheus does, and names what it
// cannot read: promql DOCS. It is a module of its own because Prometheus' parser comes with a part of Prometheus.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: promql DOCS")
		os.Exit(2)
	}
	c := checker{docs: os.Args[1]}
	c.rules("prometheus/alerts.yaml")
	c.dashboard("grafana/openworkflow.json")
	c.guide("observability.md")
	fmt.Printf("promql: %d expressions, %d faults.\n", c.read, c.faults)
	if c.faults > 0 {
		os.Exit(1)
	}
}

type checker struct {
	docs         string
	read, faults int
}

func (c *checker) fault(file string, err error) {
	c.faults++
	fmt.Printf("%s: %v\n", filepath.Join(c.docs, file), err)
}

func (c *checker) file(name string) []byte {
	raw, err := os.ReadFile(filepath.Join(c.docs, name))
	if err != nil {
		c.fault(name, err)
	}
	return raw
}

func (c *checker) expression(file, expr string) {
	c.read++
	if _, err := parser.ParseExpr(expr); err != nil {
		c.fault(file, fmt.Errorf("%w: %s", err, expr))
	}
}

// rules checks the expressions, labels and templates of alert rules.
func (c *checker) rules(file string) {
	groups, errs := rulefmt.Parse(c.file(file), false, model.UTF8Validation)
	for _, err := range errs {
		c.fault(file, err)
	}
	if groups != nil {
		for _, g := range groups.Groups {
			c.read += len(g.Rules)
		}
	}
}

// variables are Grafana's.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$workflow", ".*", "$job", ".*")

func (c *checker) dashboard(file string) {
	var d struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal(c.file(file), &d); err != nil {
		c.fault(file, err)
	}
	for _, p := range d.Panels {
		for _, t := range p.Targets {
			c.expression(file, variables.Replace(t.Expr))
		}
	}
}

var block = regexp.MustCompile("(?s)```promql\n(.*?)```")

// guide checks the queries of a document: those in a block are separated by empty lines.
func (c *checker) guide(file string) {
	for _, m := range block.FindAllStringSubmatch(string(c.file(file)), -1) {
		for expr := range strings.SplitSeq(m[1], "\n\n") {
			c.expression(file, expr)
		}
	}
}
