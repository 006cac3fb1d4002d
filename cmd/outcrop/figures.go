package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// counted is a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// grouped is a number with commas between its thousands.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// shortNumber is a number with its thousands left out: 1.5k, 2M.
func shortNumber(n int64) string {
	switch {
	case n >= 10_000_000 || n >= 1_000_000 && n%100_000 == 0:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/1e6), ".0") + "M"
	case n >= 10_000 || n >= 1000 && n%100 == 0:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/1e3), ".0") + "k"
	}
	return fmt.Sprint(n)
}

// size is a number of bytes.
func size(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, prefix := float64(n)/unit, 0
	for value >= unit && prefix < 3 {
		value /= unit
		prefix++
	}
	return fmt.Sprintf("%.1f %cB", value, "kMGT"[prefix])
}

// dollars is an amount, rounded up to what can be seen of it.
func dollars(usd float64) string {
	if usd < 1 {
		return fmt.Sprintf("$%.4f", math.Ceil(usd*1e4)/1e4)
	}
	return fmt.Sprintf("$%.2f", math.Ceil(usd*100)/100)
}

// plain is a number as a person writes it.
func plain(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// milliseconds is a time that a call took.
func milliseconds(ms int) string {
	if ms < 1000 {
		return fmt.Sprintf("%d ms", ms)
	}
	return fmt.Sprintf("%.2f s", float64(ms)/1000)
}

// when is a moment by the clock of this machine, or "".
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
}
