package main

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// span reads a length of time, with days: 90d, 12h, 30m.
func span(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 100*366 {
			return 0, errors.New("expected a time such as 90d, 12h or 30m")
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, errors.New("expected a time such as 90d, 12h or 30m")
	}
	return d, nil
}

// moment reads a time: a date, a whole time, or a length of time from now on,
// backwards when sign is -1.
func moment(text string, now time.Time, sign int) (time.Time, error) {
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	d, err := span(text)
	if err != nil {
		return time.Time{}, errors.New("expected a time such as 90d or 12h, or a date such as 2026-12-31")
	}
	return now.Add(time.Duration(sign) * d), nil
}
