package main

import "testing"

func TestAmount(t *testing.T) {
	for _, c := range []struct {
		v    float64
		want string
	}{
		{0, "0"},
		{0.00001, "0.00001"},
		{0.0000123456789, "0.0000123457"},
		{0.1 + 0.2, "0.3"},
		{12345.678, "12345.7"},
		{999999.9, "1000000"},
		{50_000_000, "50000000"},
		{1234567.8, "1234568"},
	} {
		if got := amount(c.v); got != c.want {
			t.Errorf("%v is shown as %q, want %q", c.v, got, c.want)
		}
	}
}
