// Package strict is the simulator with quotas: it refuses as Amazon Bedrock
// does, so that programs can be tested against throttling without an account.
//
//	grants, err := strict.Load("grants.yaml")
//	backend, err := strict.New(strict.Config{Simulator: sim, Grants: grants})
//
// It is the service's side. What keeps a caller within its quotas is package
// governed, the other side, and the two share no code: each can find the
// other's mistakes. The counting is package throttle's; here are whose quota a
// call uses, what the call reserves, hidden load of others, and bursts without
// capacity.
//
//	call ── grants.go: which pool ── backend.go: reserve, or refuse ── simulator
//
// The file of grants:
//
//	grants:
//	  - match: anthropic.*      # * is any text; the first that fits counts
//	    scope: geo              # in-region, geo or global; all when missing
//	    tpm: 200000
//	    rpm: 100
//	    tokensPerDay: 50000000
//	    concurrentJobs: 10      # told, not enforced: it is about batch jobs
//	    burndown: 5             # of output; AWS's table when missing
//	    policy: bucket          # or fixed-window, or strict
//	    window: 1m              # over which it is counted
//	    align: 13s              # of fixed windows, against the clock's minute
//	    grain: 1s               # of a bucket's refill; continuous when missing
//	    countRejected: true     # refused attempts count as requests
//	    foreign: {tpm: 40000, rpm: 10, from: 20s, until: 40s}
//	    unavailable: {every: 5m, lasts: 10s, above: 20}
package strict
