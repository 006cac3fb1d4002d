package usage_test

import (
	"bytes"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/outcrop-ai/outcrop/usage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC)

// books are a ledger whose clock stands where the test puts it.
type books struct {
	*usage.Ledger
	dir string
	now time.Time
}

func openBooks(t testing.TB, dir string, now time.Time, change func(*usage.Config)) *books {
	t.Helper()
	b := &books{dir: dir, now: now}
	c := usage.Config{Dir: dir, Flush: time.Hour, Now: func() time.Time { return b.now }, OnError: func(err error) { t.Error(err) }}
	if change != nil {
		change(&c)
	}
	l, err := usage.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	b.Ledger = l
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *books) call(tenant, model string, usd float64) {
	b.Add(usage.Record{
		Time: b.now, Tenant: tenant, Model: model, Method: "converse", USD: usd,
		Tokens: usage.Tokens{Input: 10, Output: 20, CacheRead: 3, CacheWrite: 4}, Duration: 1500 * time.Millisecond,
	})
}

func (b *books) rows(t testing.TB, since, until time.Time) []usage.Row {
	t.Helper()
	rows, err := b.Rows(since, until)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestBooksSurviveARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "usage")
	b := openBooks(t, dir, epoch, nil)
	b.call("a", "m", 1)
	b.call("a", "m", 0.5)
	b.Add(usage.Record{Time: b.now, Tenant: "a", Model: "m", Method: "converse", Code: "ThrottlingException", Refused: true})
	b.call("b", "m", 7)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	again := openBooks(t, dir, epoch.Add(time.Minute), nil)
	if day, month := again.Spent("a", again.now); !near(day, 1.5) || !near(month, 1.5) {
		t.Errorf("a spent %v, %v", day, month)
	}
	again.call("a", "m", 0.25)
	rows := again.rows(t, epoch, epoch.Add(time.Hour))
	if len(rows) != 2 {
		t.Fatalf("%+v", rows)
	}
	r := rows[0]
	if r.Tenant != "a" || r.Requests != 4 || r.Refused != 1 || r.Errors["ThrottlingException"] != 1 || r.Input != 30 || r.Output != 60 ||
		r.CacheRead != 9 || r.CacheWrite != 12 || !near(r.USD, 1.75) || r.Millis != 4500 || r.MaxMillis != 1500 || !r.Hour.Equal(epoch.Truncate(time.Hour)) {
		t.Errorf("%+v", r)
	}
	// The day ends, then the month.
	if day, month := again.Spent("a", epoch.Add(time.Hour)); day != 0 || !near(month, 1.75) {
		t.Errorf("the next day: %v, %v", day, month)
	}
	if day, month := again.Spent("a", epoch.AddDate(0, 1, 0)); day != 0 || month != 0 {
		t.Errorf("the next month: %v, %v", day, month)
	}
}

// TestSpendingOfEarlierDays: what another day of the month cost is the month's.
func TestSpendingOfEarlierDays(t *testing.T) {
	dir := t.TempDir()
	for _, at := range []time.Time{epoch.AddDate(0, -1, 0), epoch.AddDate(0, 0, -20), epoch} {
		b := openBooks(t, dir, at, nil)
		b.call("a", "m", 1)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if day, month := openBooks(t, dir, epoch, nil).Spent("a", epoch); day != 1 || month != 2 {
		t.Errorf("%v, %v", day, month)
	}
}

// TestWhatAKillLoses: what was flushed is there, the rest is not, and half a
// line does no harm to those before and after it.
func TestWhatAKillLoses(t *testing.T) {
	dir := t.TempDir()
	b := openBooks(t, dir, epoch, nil)
	b.call("a", "m", 1)
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	b.call("a", "m", 1) // not flushed: the process is killed here
	path := filepath.Join(dir, "2026-11-22T23.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, text[:len(text)/2]...), 0o600); err != nil {
		t.Fatal(err)
	}
	again := openBooks(t, dir, epoch, nil)
	if day, _ := again.Spent("a", epoch); day != 1 {
		t.Errorf("%v", day)
	}
	again.call("a", "m", 1)
	if rows := again.rows(t, epoch, epoch); len(rows) != 1 || rows[0].Requests != 2 {
		t.Errorf("%+v", rows)
	}
}

// TestALineThatIsNotOurs: one that is too long is passed over, as half a line
// is, and the others count.
func TestALineThatIsNotOurs(t *testing.T) {
	dir := t.TempDir()
	b := openBooks(t, dir, epoch, nil)
	b.call("a", "m", 1)
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "2026-11-22T23.jsonl")
	ours, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := slices.Concat(ours, bytes.Repeat([]byte("x"), 3<<20), []byte("\n"), ours)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	again := openBooks(t, dir, epoch, nil)
	if day, _ := again.Spent("a", epoch); day != 2 {
		t.Errorf("%v", day)
	}
}

// TestSeveralProcesses: two ledgers on one directory add up.
func TestSeveralProcesses(t *testing.T) {
	dir := t.TempDir()
	one, two := openBooks(t, dir, epoch, nil), openBooks(t, dir, epoch, nil)
	for range 10 {
		one.call("a", "m", 0)
		two.call("a", "m", 0)
		one.rows(t, epoch, epoch)
		two.rows(t, epoch, epoch)
	}
	rows, err := usage.Read(dir, epoch, epoch)
	if err != nil || len(rows) != 1 || rows[0].Requests != 20 {
		t.Errorf("%+v, %v", rows, err)
	}
}

func TestRowsBetween(t *testing.T) {
	b := openBooks(t, t.TempDir(), epoch, nil)
	for h := range 5 {
		b.now = epoch.Add(time.Duration(h) * time.Hour)
		b.call("a", "m", 0)
	}
	rows := b.rows(t, epoch.Add(time.Hour+29*time.Minute), epoch.Add(3*time.Hour-31*time.Minute))
	if len(rows) != 2 || !rows[0].Hour.Equal(epoch.Truncate(time.Hour).Add(time.Hour)) || !rows[1].Hour.Equal(epoch.Truncate(time.Hour).Add(2*time.Hour)) {
		t.Errorf("%+v", rows)
	}
}

// TestOwnerTidies: files of past hours become sums, old ones go, and what is
// read of them stays.
func TestOwnerTidies(t *testing.T) {
	dir := t.TempDir()
	old := openBooks(t, dir, epoch.AddDate(0, 0, -63), nil)
	old.call("a", "m", 1)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	b := openBooks(t, dir, epoch, func(c *usage.Config) { c.Owner, c.RetentionDays = true, 62 })
	for range 5 {
		b.call("a", "m", 1)
		b.call("b", "m", 1)
		b.rows(t, epoch, epoch)
	}
	lines := func() int {
		text, err := os.ReadFile(filepath.Join(dir, "2026-11-22T23.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), "\n")
	}
	if err := b.Tidy(); err != nil || lines() != 10 {
		t.Errorf("the hour is not over, and its file has %d lines, %v", lines(), err)
	}
	b.now = epoch.Add(41 * time.Minute)
	before := b.rows(t, epoch, b.now)
	if err := b.Tidy(); err != nil || lines() != 2 {
		t.Errorf("%d lines, %v", lines(), err)
	}
	after := b.rows(t, epoch, b.now)
	if len(after) != 2 || after[0].Requests != 5 || after[1].USD != 5 || len(before) != 2 {
		t.Errorf("%+v, then %+v", before, after)
	}
	if rows := b.rows(t, time.Time{}, b.now); len(rows) != 2 {
		t.Errorf("what is older than the retention is still there: %+v", rows)
	}
}

func TestOthersDoNotTidy(t *testing.T) {
	dir := t.TempDir()
	b := openBooks(t, dir, epoch, func(c *usage.Config) { c.RetentionDays = 1 })
	b.call("a", "m", 1)
	b.rows(t, epoch, epoch)
	b.now = epoch.AddDate(0, 1, 0)
	if err := b.Tidy(); err != nil || len(b.rows(t, epoch, epoch)) != 1 {
		t.Errorf("a process that does not own the directory removed a file: %v", err)
	}
}

// TestSeriesAreBounded: a tenant that asks for a thousand models takes the
// place of none.
func TestSeriesAreBounded(t *testing.T) {
	b := openBooks(t, "", epoch, func(c *usage.Config) { c.MaxSeries = 3 })
	for _, model := range []string{"a", "b", "c", "d", "e", "a"} {
		b.call("t", model, 1)
	}
	rows := b.rows(t, epoch, epoch)
	if len(rows) != 4 || rows[0].Model != usage.Other || rows[0].Requests != 2 || rows[1].Requests != 2 {
		t.Errorf("%+v", rows)
	}
	if day, _ := b.Spent("t", epoch); day != 6 {
		t.Errorf("spent %v", day)
	}
	b.now = epoch.Add(time.Hour)
	b.call("t", "e", 1)
	if rows := b.rows(t, b.now, b.now); len(rows) != 1 || rows[0].Model != "e" {
		t.Errorf("a new hour: %+v", rows)
	}
}

func TestInMemoryOnly(t *testing.T) {
	b := openBooks(t, "", epoch, nil)
	for range 5 {
		b.call("a", "m", 1)
		b.now = b.now.Add(time.Hour)
	}
	if rows := b.rows(t, time.Time{}, b.now); len(rows) != 2 {
		t.Errorf("memory holds %d hours", len(rows))
	}
}

// TestWritesThatFail: nothing is lost while the directory cannot be written.
func TestWritesThatFail(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "usage")
	b := openBooks(t, dir, epoch, nil)
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // where the directory should be
		t.Fatal(err)
	}
	b.call("a", "m", 1)
	if b.Flush() == nil {
		t.Fatal("the flush did not fail")
	}
	b.call("a", "m", 1)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if rows := b.rows(t, epoch, epoch); len(rows) != 1 || rows[0].Requests != 2 {
		t.Errorf("%+v", rows)
	}
}

func TestAnotherFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "2026-11-22T23.jsonl"), []byte(`{"v":1}`+"\n"+`{"v":2}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := usage.Open(usage.Config{Dir: dir, Now: func() time.Time { return epoch }})
	if err == nil || !strings.Contains(err.Error(), "2026-11-22T23.jsonl: line 2: v: it is 2, and this program reads 1") {
		t.Errorf("%v", err)
	}
}

func TestSum(t *testing.T) {
	b := openBooks(t, "", epoch, nil)
	b.call("a", "m", 1)
	b.call("a", "n", 2)
	b.now = epoch.Add(time.Hour)
	b.call("b", "m", 4)
	rows := b.rows(t, epoch, b.now)
	for by, want := range map[string][]float64{
		"none": {7}, "tenant": {3, 4}, "model": {5, 2}, "day": {3, 4}, "hour,model": {1, 2, 4}, "tenant, model": {1, 2, 4}, "method": {7},
	} {
		parsed, err := usage.ParseBy(by)
		if err != nil {
			t.Fatal(err)
		}
		var got []float64
		for _, r := range usage.Sum(rows, parsed) {
			got = append(got, r.USD)
		}
		if len(got) != len(want) {
			t.Errorf("%s: %v", by, got)
			continue
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s: %v, want %v", by, got, want)
			}
		}
	}
	if _, err := usage.ParseBy("tenant,region"); err == nil || !strings.Contains(err.Error(), `"region"`) {
		t.Errorf("%v", err)
	}
	if own := usage.Of(rows, "b"); len(own) != 1 || own[0].Tenant != "b" || len(rows) != 3 {
		t.Errorf("%+v", own)
	}
}

// FuzzFile: no file panics, and what is read is the same when it was written
// and read again.
func FuzzFile(f *testing.F) {
	f.Add([]byte(`{"v":1,"tenant":"a","requests":1,"errors":{"X":2},"usd":0.5}` + "\n"))
	f.Add([]byte("{\n\n" + `{"v":1}`))
	f.Add([]byte(`{"v":1,"inputTokens":9007199254740993}` + "\n" + `{"v":1,"inputTokens":-1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		first, again, err := usage.Reread(text)
		if err == nil && !maps.EqualFunc(first, again, func(a, b *usage.Counts) bool { return reflect.DeepEqual(a, b) }) {
			t.Fatalf("%+v became %+v", first, again)
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	l := openBooks(b, "", epoch, nil)
	b.ReportAllocs()
	for b.Loop() {
		l.call("a", "m", 1)
	}
}
