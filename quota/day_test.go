package quota

import (
	"strings"
	"testing"
	"time"
)

// A day begins with what was used of it before, and the next one with nothing.
func TestDayGoesOn(t *testing.T) {
	id := PoolID{Account: "1", Model: "m"}
	b, err := NewBook(Config{
		Now: epoch, Pools: []PoolConfig{{ID: id, Burndown: 1}},
		Days: []DayConfig{{Account: "1", TokensPerDay: 1000, Used: 700}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(now time.Time, output int) Decision {
		t.Helper()
		_, d, err := b.Reserve(now, Request{Pools: []PoolID{id}, MaxTokens: output})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := ask(epoch, 301); d.State != Refused || d.Limit != TokensPerDay {
		t.Errorf("%+v", d)
	}
	if d := ask(epoch, 300); d.State != Admitted {
		t.Errorf("%+v", d)
	}
	if d := ask(epoch.Add(24*time.Hour), 700); d.State != Admitted { // 300 are held still
		t.Errorf("%+v", d)
	}
	for _, used := range []int64{-1, 1} { // and no time to say which day
		_, err := NewBook(Config{Pools: []PoolConfig{{ID: id}}, Days: []DayConfig{{Account: "1", TokensPerDay: 1000, Used: used}}})
		if err == nil || !strings.Contains(err.Error(), "days[0].used") {
			t.Errorf("%d: %v", used, err)
		}
	}
}
