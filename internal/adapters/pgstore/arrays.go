package pgstore

import (
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The arguments of the batched statements are columns of hundreds of strings and times. As slices, pgx takes
// each element out in an interface, which is an allocation; as the types here it takes a pointer.

// column types as pgx encodes them.
type (
	texts   []string
	moments []time.Time

	textOf   string
	momentOf time.Time
)

// typed reports whether pgx knows the parameters' types on the pool's connections. Where it does not, it goes by
// the Go type, and these it does not know.
func typed(pool *pgxpool.Pool) bool {
	cfg := pool.Config()
	if cfg.BeforeConnect != nil { // may change the mode
		return false
	}
	switch cfg.ConnConfig.DefaultQueryExecMode {
	case pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec:
		return true
	default:
		return false
	}
}

// lean replaces the arguments that have a type here. It returns how many bytes all arguments have on the wire, or a few more.
func lean(args []any) int {
	size := 0
	for i := range args {
		switch a := args[i].(type) {
		case string:
			size += len(a)
		case []string:
			args[i] = texts(a)
			for j := range a {
				size += 4 + len(a[j])
			}
		case []time.Time:
			args[i] = moments(a)
			size += 12 * len(a)
		case []int32:
			size += 8 * len(a)
		case []int64:
			size += 12 * len(a)
		case []bool:
			size += 5 * len(a)
		}
	}
	return size + 32*len(args)
}

// Dimensions is nil, which is NULL, for a nil slice.
func (a texts) Dimensions() []pgtype.ArrayDimension { return dimensions(len(a), a == nil) }
func (a texts) Index(i int) any                     { return (*textOf)(&a[i]) }
func (a texts) IndexType() any                      { return (*textOf)(nil) }

func (t *textOf) TextValue() (pgtype.Text, error) {
	return pgtype.Text{String: string(*t), Valid: true}, nil
}

// Dimensions is nil, which is NULL, for a nil slice.
func (a moments) Dimensions() []pgtype.ArrayDimension { return dimensions(len(a), a == nil) }
func (a moments) Index(i int) any                     { return (*momentOf)(&a[i]) }
func (a moments) IndexType() any                      { return (*momentOf)(nil) }

func (t *momentOf) TimestamptzValue() (pgtype.Timestamptz, error) {
	return pgtype.Timestamptz{Time: time.Time(*t), Valid: true}, nil
}

func dimensions(n int, null bool) []pgtype.ArrayDimension {
	if null {
		return nil
	}
	return []pgtype.ArrayDimension{{Length: int32(n), LowerBound: 1}}
}
