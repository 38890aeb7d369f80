package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
)

// settledKey marks a connection whose session has the settings of planOnce.
const settledKey = "openworkflow.settled"

// settle gives a new connection of our own pool the settings that transactions need, so that they need not
// bring them along. Behind a transaction pooler, where the next transaction may meet another session and this
// one another client, it does nothing.
func settle(ctx context.Context, conn *pgx.Conn) error {
	pid := conn.PgConn().PID()
	set, err := dbsqlc.New(conn).SetSession(ctx, dbsqlc.SetSessionParams{
		EnableScans: planOnce.EnableScans, PlanCacheMode: planOnce.PlanCacheMode,
		StatementTimeout: planOnce.StatementTimeout, ProcessID: int32(pid),
	})
	if err != nil {
		return err
	}
	conn.PgConn().CustomData()[settledKey] = len(set) == 1
	return nil
}

func settled(conn *pgx.Conn) bool {
	yes, _ := conn.PgConn().CustomData()[settledKey].(bool)
	return yes
}
