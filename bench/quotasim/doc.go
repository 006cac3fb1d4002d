// Package quotasim is the benchmark of the quota ledger: simulated minutes of a
// saturated account, in virtual time, with the service's accounting
// (backend/simulator/throttle) on one side and several clients on the other.
//
// The clients are real code: quota.Book, and aws-sdk-go-v2's own retryers,
// standard and adaptive, asked in the order in which the SDK's attempt loop asks
// them. Requests, answers and timers are events (clock_test.go), so a run is a
// function of its seed, thirty minutes take a fraction of a second, and nothing
// sleeps; only the adaptive retryer, which reads the clock, runs in a bubble of
// testing/synctest.
//
// Flow: scenario_test.go (a server, its load, the bound) → world_test.go (the
// service and its callers) → clients_test.go, sdk_test.go (policies) →
// table_test.go (figures, tables). The tests check short runs;
//
//	make bench-quota
//
// runs the whole matrix and writes the tables of docs/quota.md, which says what
// they mean, and docs/quota-matrix.csv. A part of it:
//
//	go test ./bench/quotasim -run TestTable -table -full=false -only 'strict 60s' -rows ledger -v
package quotasim
