package pgstore

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"sync"
)

// DefaultSchema is the schema of stores that name none; TypeScript's default too.
const DefaultSchema = "openworkflow"

// maxIdentifier is how long a name may be in Postgres, in bytes.
const maxIdentifier = 63

var (
	schemaName   = regexp.MustCompile(`^[a-zA-Z_]\w*$`) // TypeScript's rule
	tableOfOurs  = regexp.MustCompile(`\bopenworkflow\.`)
	schemaOfOurs = regexp.MustCompile(`\bopenworkflow\b`)
)

// schema puts the configured schema in the place of the one that the SQL files name. It is safe for
// concurrent use.
type schema struct {
	name     string
	prepared sync.Map // of a statement's text, to the text to send
}

func newSchema(name string) (*schema, error) {
	if name == "" {
		name = DefaultSchema
	}
	if !schemaName.MatchString(name) {
		return nil, fmt.Errorf("openworkflow: invalid schema name %q: use letters, digits and underscores, not a digit first, and no quotes", name)
	}
	if len(name) > maxIdentifier {
		return nil, fmt.Errorf("openworkflow: invalid schema name %q: Postgres allows at most %d bytes", name, maxIdentifier)
	}
	return &schema{name: name}, nil
}

func (s *schema) quoted() string { return `"` + s.name + `"` }

// statement is the SQL of a query for this schema.
func (s *schema) statement(sql string) string {
	if sent, ok := s.prepared.Load(sql); ok {
		return sent.(string)
	}
	sent, _ := s.prepared.LoadOrStore(sql, tableOfOurs.ReplaceAllLiteralString(sql, s.quoted()+"."))
	return sent.(string)
}

// migration is the text of a migration for this schema.
func (s *schema) migration(text []byte) []byte {
	return schemaOfOurs.ReplaceAllLiteral(text, []byte(s.quoted()))
}

// channel is the schema's notification channel.
func (s *schema) channel() string {
	channel := "openworkflow:" + s.name
	if len(channel) > maxIdentifier {
		sum := sha256.Sum256([]byte(s.name))
		channel = "openworkflow:" + hex.EncodeToString(sum[:16])
	}
	return channel
}
