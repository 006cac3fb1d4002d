package usage_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop/usage"
)

// TestRowsOf: a tenant's rows are those of all that are its own, whatever was
// read before and has changed since.
func TestRowsOf(t *testing.T) {
	dir := t.TempDir()
	b := openBooks(t, dir, epoch, nil)
	memory := openBooks(t, "", epoch, nil)
	tenants := []string{"", "a", "ab", "b"}
	for h := range 3 {
		b.now = epoch.Add(time.Duration(h) * time.Hour)
		memory.now = b.now
		for range 2 { // the second time after a reading
			for _, tenant := range tenants {
				b.call(tenant, "m", 1)
				b.call(tenant, "n", 1)
				memory.call(tenant, "m", 1)
			}
			all := b.rows(t, epoch, b.now)
			for _, tenant := range []string{"a", "ab", "b", "nobody"} {
				rows, err := b.RowsOf(tenant, epoch, b.now)
				if want := usage.Of(all, tenant); err != nil || !slices.EqualFunc(rows, want, sameRow) {
					t.Errorf("%s: %+v, %v\nwant %+v", tenant, rows, err, want)
				}
			}
		}
	}
	if rows := b.rows(t, epoch, b.now); len(rows) != 24 || rows[0].Requests != 2 {
		t.Errorf("%d rows, the first %+v", len(rows), rows[0])
	}
	if rows, err := memory.RowsOf("ab", epoch, b.now); err != nil || len(rows) != 2 || rows[0].Tenant != "ab" {
		t.Errorf("in memory: %+v, %v", rows, err)
	}
	if err := os.Remove(filepath.Join(dir, "2026-11-23T00.jsonl")); err != nil {
		t.Fatal(err)
	}
	if rows := b.rows(t, epoch, b.now); len(rows) != 16 {
		t.Errorf("%d rows after a file was removed", len(rows))
	}
}

func sameRow(a, b usage.Row) bool {
	return a.Hour.Equal(b.Hour) && a.Key == b.Key && a.Requests == b.Requests && near(a.USD, b.USD)
}

// TestShelf: of more rows than may be kept, those of the latest hours are, and
// all are read.
func TestShelf(t *testing.T) {
	b := openBooks(t, t.TempDir(), epoch, nil)
	b.SetShelf(5)
	for h := range 4 {
		b.now = epoch.Add(time.Duration(h) * time.Hour)
		b.call("a", "m", 1)
		b.call("b", "m", 1)
		b.rows(t, b.now, b.now)
	}
	latest := []time.Time{epoch.Truncate(time.Hour).Add(2 * time.Hour), epoch.Truncate(time.Hour).Add(3 * time.Hour)}
	for range 2 {
		if rows := b.rows(t, epoch, b.now); len(rows) != 8 {
			t.Errorf("%d rows", len(rows))
		}
		if kept := b.Shelved(); !slices.EqualFunc(kept, latest, time.Time.Equal) {
			t.Errorf("kept are the hours %v", kept)
		}
	}
	b.now = b.now.Add(time.Hour)
	for _, tenant := range []string{"a", "b", "c", "d", "e", "f"} {
		b.call(tenant, "m", 1)
	}
	if rows := b.rows(t, b.now, b.now); len(rows) != 6 {
		t.Errorf("%d rows of an hour that is too large to keep", len(rows))
	}
	if kept := b.Shelved(); !slices.EqualFunc(kept, latest, time.Time.Equal) {
		t.Errorf("then the hours %v", kept)
	}
}
