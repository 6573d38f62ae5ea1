package probes

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
)

func TestAQueryThatWouldLeaveItsTransactionIsAMistake(t *testing.T) {
	file, _ := newSQLite(t)
	for _, tt := range []struct{ query, word string }{
		{"COMMIT", "COMMIT"},
		{"commit and chain", "COMMIT"},
		{"ROLLBACK; DELETE FROM holdings", "ROLLBACK"},
		{"abort", "ABORT"},
		{"END", "END"},
		{"BEGIN NOT ATOMIC COMMIT; END", "BEGIN"},
		{"START TRANSACTION", "START"},
		{"SAVEPOINT a", "SAVEPOINT"},
		{"PREPARE TRANSACTION 'a'", "PREPARE"},
		{"EXECUTE IMMEDIATE 'COMMIT'", "EXECUTE"},
		{"SET SESSION tx_read_only = 0", "SET"},
		{"RESET ALL", "RESET"},
		{"xa end 'a'", "XA"},
		{"IF 1 THEN COMMIT; END IF", "IF"},
		{"a: LOOP COMMIT; END LOOP", "A"},
		{"a1: LOOP COMMIT; END LOOP", "A1"},
		{" \t\r\n;(COMMIT)", "COMMIT"},
		{"-- a\nCOMMIT", "COMMIT"},
		{"-- a\rCOMMIT", "COMMIT"},
		{"-- a\rSELECT 1\nCOMMIT", "COMMIT"},
		{"# a\nCOMMIT", "COMMIT"},
		{"/* a */COMMIT", "COMMIT"},
		{"/* a /* b */ c */ COMMIT", "COMMIT"},
		{"/* a /* b */ COMMIT -- */", "COMMIT"},
		{"/*!50000 COMMIT */", "COMMIT"},
		{"/*M! */ /*!COMMIT*/", "COMMIT"},
		{"COMMIT/**/", "COMMIT"},
		{"SELECT 1", ""},
		{"(SELECT 1) UNION (SELECT 2)", ""},
		{"/* COMMIT */ SELECT 1", ""},
		{"-- COMMIT", ""},
		{"/* COMMIT", ""},
		{"WITH a AS (SELECT 1) SELECT * FROM a", ""},
		{"VALUES (1)", ""},
		{"SHOW STATUS", ""},
		{"SELECT 1 AS a\n-- b:\n", ""},
		{"SELECT :a", ""},
		{"VALUES (:a)", ""},
		{"SETTINGS", ""},
	} {
		_, err := (&SQL{DSNFile: file, Queries: []Query{{Name: "q", Query: tt.query}}}).Prober(Env{})
		var wrong *FieldError
		if (err != nil) != (tt.word != "") {
			t.Errorf("%q: %v, want a mistake about %q", tt.query, err, tt.word)
		} else if err != nil && (!errors.As(err, &wrong) || wrong.Field != "queries[0].query" || wrong.Value != tt.word) {
			t.Errorf("%q: %v, want queries[0].query: %s", tt.query, err, tt.word)
		}
	}
}

// leftTransaction writes after a COMMIT that validation lets through, as if it had another form.
func leftTransaction(t *testing.T, file string, owner *sql.DB, write, reason string) {
	t.Helper()
	spec := SQL{DSNFile: file, Queries: []Query{{Name: "a", Query: "COMMIT"}, {Name: "b", Query: write}}}
	if _, err := spec.Prober(Env{}); err == nil || !strings.Contains(err.Error(), `queries[0].query: "COMMIT"`) {
		t.Errorf("%v, want a mistake about COMMIT", err)
	}
	spec.Queries[0].Query = "SELECT 1"
	p := mustBuild(t, &spec, Env{})
	if p, ok := p.(*sqlProber); ok {
		p.queries[0].Query.Query = "COMMIT"
	}
	for range 2 {
		s := takeWithin(t, p, InvalidResponse)
		if s.Outcome != InvalidResponse || !strings.Contains(s.Err.Error(), reason) {
			t.Errorf("%v, want invalid_response with %q: %v", s.Outcome, reason, s.Err)
		}
	}
	var n int
	if err := owner.QueryRowContext(t.Context(), "SELECT count(*) FROM holdings").Scan(&n); err != nil || n != 3 {
		t.Errorf("%d rows afterwards, want 3 as before: %v", n, err)
	}
}
