package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/keys"
)

func newTenants(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "tenants",
		Short: "The tenants of the configuration",
	}
	c.AddCommand(&cobra.Command{
		Use:   "list",
		Short: "List the tenants, their limits, and how many keys they have",
		Long: `list shows the tenants that the configuration has under tenants. Their keys are
made by outcrop keys create. A running server takes changes of the file within a
second.`,
		Example: `  outcrop tenants list
  outcrop tenants list --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.tenants(c) },
	})
	return c
}

// tenantRow is a tenant as it is listed.
type tenantRow struct {
	Name              string   `json:"name"`
	Account           string   `json:"account"`
	Weight            float64  `json:"weight"`
	Class             string   `json:"class"`
	Operator          bool     `json:"operator"`
	Models            []string `json:"models"` // none: all
	RequestsPerMinute int64    `json:"requestsPerMinute"`
	TokensPerMinute   int64    `json:"tokensPerMinute"`
	TokensPerDay      int64    `json:"tokensPerDay"`
	Concurrent        int      `json:"concurrent"`
	Queue             string   `json:"queue"`
	USDPerDay         float64  `json:"usdPerDay"`
	USDPerMonth       float64  `json:"usdPerMonth"`
	Keys              int      `json:"keys"` // that work now
}

func (a *app) tenants(c *cobra.Command) error {
	file, err := a.readKeys(c)
	if err != nil {
		return err
	}
	rows := tenantRows(a.settings, file, time.Now())
	if a.json {
		return a.printJSON(rows)
	}
	if len(rows) == 0 {
		a.say("There are no tenants: the configuration has none under tenants.")
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TENANT\tACCOUNT\tWEIGHT\tCLASS\tRPM\tTPM\tPER DAY\tAT ONCE\tUSD/DAY\tUSD/MONTH\tKEYS\tMODELS")
	for _, t := range rows {
		models := strings.Join(t.Models, ",")
		if models == "" {
			models = "all"
		}
		fmt.Fprintf(w, "%s\t%s\t%g\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", t.Name, t.Account, t.Weight, t.Class,
			limit(t.RequestsPerMinute), limit(t.TokensPerMinute), limit(t.TokensPerDay), limit(int64(t.Concurrent)),
			money(t.USDPerDay), money(t.USDPerMonth), t.Keys, models)
	}
	return w.Flush()
}

func tenantRows(s *config.Config, file *keys.File, now time.Time) []tenantRow {
	working := map[string]int{}
	for i := range file.Keys {
		if state := file.Keys[i].State(now); state == "active" || state == "rotated" {
			working[file.Keys[i].Tenant]++
		}
	}
	rows := []tenantRow{}
	for _, name := range slices.Sorted(maps.Keys(s.Tenants)) {
		t := s.Tenants[name]
		row := tenantRow{
			Name: name, Account: t.Account, Weight: t.Weight, Class: t.Class, Operator: t.Operator, Models: t.Models,
			RequestsPerMinute: t.Limits.RequestsPerMinute, TokensPerMinute: t.Limits.TokensPerMinute, TokensPerDay: t.Limits.TokensPerDay,
			Concurrent: t.Limits.Concurrent, Queue: t.Limits.Queue.String(),
			USDPerDay: t.Spending.PerDay, USDPerMonth: t.Spending.PerMonth, Keys: working[name],
		}
		if row.Models == nil {
			row.Models = []string{}
		}
		rows = append(rows, row)
	}
	return rows
}

func limit(n int64) string {
	if n == 0 {
		return "-"
	}
	return strconv.FormatInt(n, 10)
}

func money(usd float64) string {
	if usd == 0 {
		return "-"
	}
	digits := 2
	if usd < 0.01 {
		digits = -1 // all that it has, and not 0.00
	}
	return strconv.FormatFloat(usd, 'f', digits, 64)
}
