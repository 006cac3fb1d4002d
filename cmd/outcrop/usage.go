package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/tenants"
	"github.com/outcrop-ai/outcrop/usage"
)

func newUsage(a *app) *cobra.Command {
	var asCSV bool
	var by, since, until, tenant string
	c := &cobra.Command{
		Use:   "usage",
		Short: "Who used how much of what, what it cost, and when limits will be reached",
		Long: `usage shows the books: requests, errors, tokens, cost and time by tenant, model
and method. Every method counts once: Construct's attempts and the records of
jobs are calls like any other. Cost is what the table of prices says for the
model that was asked for, whoever answered.

With a server on the data directory, or --endpoint, the server tells: a tenant's
key sees its own usage, the server's user and operators all of it. Limits and
spending caps of tenants are followed by a forecast: when they will be reached
if it goes on as in the last hour.`,
		Example: `  outcrop usage
  outcrop usage --by tenant --since 30d
  outcrop usage --by day,model --since 2026-11-01 --csv
  outcrop usage --tenant team-a --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if asCSV && a.json {
				return usageError{fmt.Errorf("--csv and --json exclude each other")}
			}
			v := url.Values{"by": {by}, "since": {since}}
			if until != "" {
				v.Set("until", until)
			}
			if tenant != "" {
				v.Set("tenant", tenant)
			}
			report, q, err := a.usageReport(c, v)
			if err != nil {
				return err
			}
			switch {
			case a.json:
				return a.printJSON(report)
			case asCSV:
				return a.usageCSV(report, q.by)
			}
			return a.usageTable(report, q.by)
		},
	}
	flags := c.Flags()
	flags.StringVar(&by, "by", defaultBy, "what to tell apart: tenant, model, method, day, hour; none for one sum")
	flags.StringVar(&since, "since", defaultSince, "from when on: a length of time such as 24h or 30d, or a date (UTC)")
	flags.StringVar(&until, "until", "", "until when, in the same forms (default now)")
	flags.StringVar(&tenant, "tenant", "", "of one tenant only")
	a.completeTenant(c)
	flags.BoolVar(&asCSV, "csv", false, "print CSV on standard output")
	return c
}

// usageReport asks the server, or reads the books where there is none.
func (a *app) usageReport(c *cobra.Command, v url.Values) (*usageReport, usageQuery, error) {
	now := time.Now()
	q, err := readUsageQuery(v, now)
	if err != nil {
		return nil, q, usageError{fmt.Errorf("--%w", err)}
	}
	dir, _, client, err := a.answerer(c)
	if err != nil {
		return nil, q, err
	}
	if client == nil {
		read := func(since, until time.Time) ([]usage.Row, error) {
			return usage.Read(local.UsageDir(dir), since, until)
		}
		report, err := newUsageReport(read, local.Tenants(a.settings), q, now)
		return report, q, err
	}
	defer client.Close() //nolint:errcheck // idle connections only
	report := new(usageReport)
	err = client.Fetch(c.Context(), http.MethodGet, usagePath, v, report)
	if err == nil && report.Format != usageFormat {
		err = fmt.Errorf("format: it is %d, and this program reads %d: the server is of another version", report.Format, usageFormat)
	}
	return report, q, err
}

// column is a column of the table and of CSV.
type column struct {
	name  string
	value func(r *usage.Row) string
}

// keyColumns are those of what is told apart.
func keyColumns(by usage.By) []column {
	var columns []column
	add := func(is bool, name string, value func(r *usage.Row) string) {
		if is {
			columns = append(columns, column{name, value})
		}
	}
	add(by.Hour, "hour", func(r *usage.Row) string { return r.Hour.UTC().Format("2006-01-02T15:00Z") })
	add(by.Day && !by.Hour, "day", func(r *usage.Row) string { return r.Hour.UTC().Format(time.DateOnly) })
	add(by.Tenant, "tenant", func(r *usage.Row) string { return r.Tenant })
	add(by.Model, "model", func(r *usage.Row) string { return r.Model })
	add(by.Method, "method", func(r *usage.Row) string { return r.Method })
	return columns
}

func number(of func(c *usage.Counts) int64) func(r *usage.Row) string {
	return func(r *usage.Row) string { return strconv.FormatInt(of(&r.Counts), 10) }
}

var countColumns = []column{
	{"requests", number(func(c *usage.Counts) int64 { return c.Requests })},
	{"errors", number((*usage.Counts).ErrorCount)},
	{"refused", number(func(c *usage.Counts) int64 { return c.Refused })},
	{"input", number(func(c *usage.Counts) int64 { return c.Input })},
	{"output", number(func(c *usage.Counts) int64 { return c.Output })},
	{"cache_read", number(func(c *usage.Counts) int64 { return c.CacheRead })},
	{"cache_write", number(func(c *usage.Counts) int64 { return c.CacheWrite })},
	{"usd", func(r *usage.Row) string { return strconv.FormatFloat(r.USD, 'f', 6, 64) }},
	{"unpriced", number(func(c *usage.Counts) int64 { return c.Unpriced })},
	{"estimated", number(func(c *usage.Counts) int64 { return c.Estimated })},
	{"avg_ms", number(func(c *usage.Counts) int64 { return c.Millis / max(c.Requests, 1) })},
	{"max_ms", number(func(c *usage.Counts) int64 { return c.MaxMillis })},
}

func (a *app) usageCSV(report *usageReport, by usage.By) error {
	w := csv.NewWriter(a.stdout)
	columns := append(keyColumns(by), countColumns...)
	var header []string
	for _, c := range columns {
		header = append(header, c.name)
	}
	_ = w.Write(header) // Flush has the error
	for i := range report.Rows {
		var record []string
		for _, c := range columns {
			record = append(record, c.value(&report.Rows[i]))
		}
		_ = w.Write(record)
	}
	w.Flush()
	return w.Error()
}

func (a *app) usageTable(report *usageReport, by usage.By) error {
	if len(report.Rows) == 0 {
		a.say("Nothing was used since %s.", report.Since.Local().Format(time.DateTime))
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	columns := keyColumns(by)
	head := func(name string) { fmt.Fprintf(w, "%s\t", name) }
	if len(report.Rows) > 0 {
		for _, c := range columns {
			head(map[string]string{"hour": "HOUR", "day": "DAY", "tenant": "TENANT", "model": "MODEL", "method": "METHOD"}[c.name])
		}
		fmt.Fprintln(w, "REQUESTS\tERRORS\tINPUT\tOUTPUT\tCACHED\tUSD\tAVG\tMAX")
		for i := range report.Rows {
			for _, c := range columns {
				value := c.value(&report.Rows[i])
				if value == "" {
					value = "-"
				}
				head(value)
			}
			countCells(w, &report.Rows[i].Counts)
		}
	}
	if len(report.Rows) > 1 {
		for i := range columns {
			if i == 0 {
				head("total")
			} else {
				head("")
			}
		}
		countCells(w, &report.Total)
	}
	forecastRows(w, report.Forecasts)
	if n := report.Total.Unpriced; n > 0 {
		a.say("%s to models without a price count as 0 USD.", counted(int(n), "call"))
	}
	if n := report.Total.Estimated; n > 0 {
		a.say("The tokens of %s are estimates.", counted(int(n), "call"))
	}
	return w.Flush()
}

func countCells(w *tabwriter.Writer, c *usage.Counts) {
	n := max(c.Requests, 1)
	digits := 4
	if c.USD < 0.01 {
		digits = 6 // what a single short call costs
	}
	fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%.*f\t%s\t%s\n", c.Requests, c.ErrorCount(), c.Input, c.Output, c.CacheRead+c.CacheWrite, digits, c.USD,
		time.Duration(c.Millis/n)*time.Millisecond, time.Duration(c.MaxMillis)*time.Millisecond)
}

func forecastRows(w *tabwriter.Writer, list []tenants.Forecast) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintln(w, "\nTENANT\tLIMIT\tUSED\tOF\tPER HOUR\tREACHED")
	for _, f := range list {
		reached := "not at this rate"
		switch {
		case f.Used >= f.Max:
			reached = "now"
		case !f.Reached.IsZero():
			reached = f.Reached.Local().Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", f.Tenant, f.Limit, amount(f.Used), plain(f.Max), amount(f.PerHour), reached)
	}
}

// amount is a number with six digits of it, and all those before the point: caps
// of a fraction of a cent are shown as such, and millions of tokens in full.
func amount(v float64) string {
	if v >= 1e6 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', 6, 64), 64)
	return plain(v)
}

// tellServer has the server on a data directory look at its files now.
func (a *app) tellServer(ctx context.Context, dir string) {
	client, err := a.server(dir, true)
	if client == nil || !a.asked.shared() {
		return
	}
	defer client.Close() //nolint:errcheck // idle connections only
	if err == nil {
		err = client.Fetch(ctx, http.MethodPost, reloadPath, nil, nil)
	}
	if err != nil {
		a.say("warning: the server could not take the change yet: %v", err)
	}
}
