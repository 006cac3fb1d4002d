// Package quotasim is the benchmark of the quota ledger: simulated minutes of a
// saturated account, in virtual time, with the service's accounting
// (backend/simulator/throttle) on one side and several clients on the other.
// The clients are real code: aws-sdk-go-v2's own retry middleware with its
// standard and adaptive retryers, and quota.Gate. Time is testing/synctest's, so
// thirty minutes take a fraction of a second and nothing sleeps.
//
// The tests check a short run; the table is printed by
//
//	go test ./bench/quotasim -run TestTable -table -seeds 10 -minutes 30 -v
//
// What the figures mean is in docs/design/quota.md.
package quotasim
