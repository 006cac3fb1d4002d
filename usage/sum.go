package usage

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// By says what a sum tells apart.
type By struct {
	Tenant, Model, Method bool
	Day, Hour             bool // UTC
}

// parts are the names of what can be told apart.
var parts = []string{"tenant", "model", "method", "day", "hour"}

// ParseBy reads a list such as "tenant,model".
func ParseBy(text string) (By, error) {
	var by By
	for part := range strings.SplitSeq(text, ",") {
		switch strings.TrimSpace(part) {
		case "tenant":
			by.Tenant = true
		case "model":
			by.Model = true
		case "method":
			by.Method = true
		case "day":
			by.Day = true
		case "hour":
			by.Hour = true
		case "", "none":
		default:
			return by, fmt.Errorf("by: %q is not one of %s", part, strings.Join(parts, ", "))
		}
	}
	return by, nil
}

// Sum adds rows up by what is told apart, in the order of time and key. What
// is not told apart is left empty.
func Sum(rows []Row, by By) []Row {
	var out []Row
	type place struct {
		hour time.Time
		key  Key
	}
	places := map[place]int{}
	for i := range rows {
		r := &rows[i]
		var p place
		switch {
		case by.Hour:
			p.hour = r.Hour
		case by.Day:
			p.hour = dayOf(r.Hour)
		}
		if by.Tenant {
			p.key.Tenant = r.Tenant
		}
		if by.Model {
			p.key.Model = r.Model
		}
		if by.Method {
			p.key.Method = r.Method
		}
		n, ok := places[p]
		if !ok {
			n = len(out)
			places[p] = n
			out = append(out, Row{Hour: p.hour, Key: p.key})
		}
		out[n].Counts.Add(r.Counts)
	}
	sortRows(out)
	return out
}

// Of are the rows of one tenant.
func Of(rows []Row, tenant string) []Row {
	return slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return r.Tenant != tenant })
}
