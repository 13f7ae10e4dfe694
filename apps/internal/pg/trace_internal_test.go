package pg

import "testing"

func TestSummaryOfAStatement(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"SELECT a FROM bills WHERE b = $1": "SELECT bills",
		"  select 1":                       "SELECT",
		"\nINSERT INTO kos_queue AS held (a)\nSELECT $1 FROM served":                       "INSERT kos_queue",
		"WITH next AS (SELECT a FROM kos_queue FOR UPDATE)\nUPDATE kos_queue q\nSET a = 1": "UPDATE kos_queue",
		"-- from a file\nDELETE FROM kos_queue WHERE item_id = $1 RETURNING links":         "DELETE kos_queue",
		"WITH a AS (SELECT 1) SELECT b FROM c":                                             "SELECT c",
		"SELECT a FROM kos_queue FOR UPDATE SKIP LOCKED":                                   "SELECT kos_queue",
		"begin":            "BEGIN",
		"commit":           "COMMIT",
		"LISTEN kos_queue": "LISTEN",
		"":                 "",
	} {
		if got := summary(sql); got != want {
			t.Errorf("%q: %q, want %q", sql, got, want)
		}
	}
}
