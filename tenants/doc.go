// Package tenants holds the callers of a server to what each of them may use:
// models, requests and tokens per minute, tokens per day, calls at once, and
// money.
//
//	desk, err := tenants.New(tenants.Config{Tenants: list, Ledger: ledger})
//	defer desk.Close()
//	backend = usage.NewMeter(backend, usage.MeterConfig{Ledger: ledger, Gate: desk})
//	desk.Set(changed) // at any time
//
// A [Desk] is the gate of a usage.Meter. It asks, in this order and one way:
//
//	may the tenant use the model ── AccessDeniedException
//	is its money spent           ── ServiceQuotaExceededException
//	does its quota admit it      ── a quota.Gate of its own; ThrottlingException
//
// The quota is package quota's ledger with Bedrock's formulas, over all models
// of the tenant together: with I input tokens (estimated), M the output limit
// and b the model's output burndown, a call reserves I + M and is settled at
// I + cache writes + b × output. Where a call sets no limit, M is 4,096, the
// model's own or a quarter of the quota, whichever is least.
//
// A tenant that the desk does not know is not held to anything: the server's
// own user, and tenants of a keys file that the configuration says nothing of.
package tenants
