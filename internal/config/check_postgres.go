package config

import (
	"fmt"
	"strconv"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

// How a PostgreSQL is read if the file does not say otherwise, and how it may be.
const (
	defaultPostgresInterval                  = 5 * time.Second
	defaultPostgresTimeout                   = 2 * time.Second
	minPostgresInterval, maxPostgresInterval = time.Second, 10 * time.Minute
	minPostgresTimeout, maxPostgresTimeout   = 10 * time.Millisecond, time.Minute
	defaultStatements, maxStatements         = 20, 100
)

// postgres checks every PostgreSQL to be read. Nothing is dialled: a server that is away is no mistake.
func (c *checker) postgres() {
	taken := map[string]string{}
	for i := range c.file.Postgres {
		at := fmt.Sprintf("postgres[%d]", i)
		in := &c.file.Postgres[i]
		c.name(at+".name", in.Name, taken)
		c.database(at, in.DSNFile, probes.OpenPostgres)
		out := Postgres{
			Name: in.Name, DSNFile: in.DSNFile, Statements: defaultStatements,
			Interval: c.duration(at+".interval", in.Interval, defaultPostgresInterval, minPostgresInterval, maxPostgresInterval),
			Timeout:  c.duration(at+".timeout", in.Timeout, defaultPostgresTimeout, minPostgresTimeout, maxPostgresTimeout),
		}
		if c.has(at + ".statements") {
			if out.Statements = in.Statements; in.Statements < 0 || in.Statements > maxStatements {
				c.refuse(at+".statements", "%s, want 0 to %d statements", quote(strconv.Itoa(in.Statements)), maxStatements)
			}
		}
		c.cfg.Postgres = append(c.cfg.Postgres, out)
	}
}

// pgbouncer checks every pooler to be read, as postgres does.
func (c *checker) pgbouncer() {
	taken := map[string]string{}
	for i := range c.file.PgBouncer {
		at := fmt.Sprintf("pgbouncer[%d]", i)
		in := &c.file.PgBouncer[i]
		c.name(at+".name", in.Name, taken)
		c.database(at, in.DSNFile, probes.OpenPgBouncer)
		if c.has(at + ".statements") {
			c.refuse(at+".statements", "given, want none: a pooler has no statements")
		}
		c.cfg.PgBouncer = append(c.cfg.PgBouncer, Postgres{
			Name: in.Name, DSNFile: in.DSNFile,
			Interval: c.duration(at+".interval", in.Interval, defaultPostgresInterval, minPostgresInterval, maxPostgresInterval),
			Timeout:  c.duration(at+".timeout", in.Timeout, defaultPostgresTimeout, minPostgresTimeout, maxPostgresTimeout),
		})
	}
}

// database checks the DSN of what is to be read, and closes what it opened.
func (c *checker) database(at, dsnFile string, open func(file, dir string) (*probes.Database, error)) {
	db, err := open(dsnFile, c.dir)
	if err != nil {
		c.fields(at, err)
		return
	}
	db.Close()
}
