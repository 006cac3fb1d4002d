package main

import (
	"fmt"
	"net/url"
	"slices"
	"sort"
	"time"

	"github.com/outcrop-ai/outcrop/quota"
	"github.com/outcrop-ai/outcrop/tenants"
	"github.com/outcrop-ai/outcrop/usage"
)

// usageFormat is the version of usageReport.
const usageFormat = 1

// usageReport is the reply of GET /usage, and what outcrop usage --json prints.
type usageReport struct {
	Format    int                `json:"format"`
	Since     time.Time          `json:"since"`
	Until     time.Time          `json:"until"`
	Rows      []usage.Row        `json:"rows"`
	Total     usage.Counts       `json:"total"`
	Forecasts []tenants.Forecast `json:"forecasts"`
}

// usageQuery is which part of the books is asked for.
type usageQuery struct {
	by           usage.By
	tenant       string // "" is all
	since, until time.Time
}

// The defaults of a query.
const (
	defaultBy    = "tenant,model,method"
	defaultSince = "24h"
)

// readUsageQuery reads ?by=&since=&until=&tenant=.
func readUsageQuery(v url.Values, now time.Time) (q usageQuery, err error) {
	by, since := defaultBy, defaultSince
	if v.Has("by") {
		by = v.Get("by")
	}
	if v.Get("since") != "" {
		since = v.Get("since")
	}
	if q.by, err = usage.ParseBy(by); err != nil {
		return q, err
	}
	if q.since, err = moment(since, now, -1); err != nil {
		return q, fmt.Errorf("since: %w", err)
	}
	q.until = now
	if text := v.Get("until"); text != "" {
		if q.until, err = moment(text, now, -1); err != nil {
			return q, fmt.Errorf("until: %w", err)
		}
	}
	if q.until.Before(q.since) {
		return q, fmt.Errorf("until: it is before since")
	}
	q.tenant = v.Get("tenant")
	return q, nil
}

// newUsageReport answers a query from the books.
func newUsageReport(read func(since, until time.Time) ([]usage.Row, error), list []tenants.Tenant, q usageQuery, now time.Time) (*usageReport, error) {
	// One reading serves both, so that they agree.
	from := q.since
	if forecasts := tenants.Since(now); len(list) > 0 && forecasts.Before(from) {
		from = forecasts
	}
	rows, err := read(from, now)
	if err != nil {
		return nil, err
	}
	if q.tenant != "" {
		rows = usage.Of(rows, q.tenant)
		list = slices.DeleteFunc(slices.Clone(list), func(t tenants.Tenant) bool { return t.Name != q.tenant })
	}
	since := q.since.UTC().Truncate(time.Hour)
	first := sort.Search(len(rows), func(i int) bool { return !rows[i].Hour.Before(since) }) // they are in the order of hours
	end := sort.Search(len(rows), func(i int) bool { return rows[i].Hour.After(q.until) })
	asked := rows[first:max(first, end)]
	report := &usageReport{
		Format: usageFormat, Since: since, Until: q.until.UTC(), Rows: usage.Sum(asked, q.by),
		Forecasts: tenants.Forecasts(list, rows, quota.DefaultBurndown(), now),
	}
	for i := range asked {
		report.Total.Add(asked[i].Counts)
	}
	if report.Rows == nil {
		report.Rows = []usage.Row{}
	}
	if report.Forecasts == nil {
		report.Forecasts = []tenants.Forecast{}
	}
	return report, nil
}
