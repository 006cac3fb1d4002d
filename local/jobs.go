package local

import (
	"context"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/route"
)

// placed sends jobs to the batch services of back-ends that have one, and the
// others here. When answers are replayed, all jobs are here.
func (o *opener) placed(router *route.Router, jobs outcrop.Jobs, unlisted func(string, error)) outcrop.Jobs {
	if router == nil || len(o.services) == 0 {
		return jobs
	}
	return route.NewJobs(route.JobsConfig{Here: jobs, Router: router, Services: o.services, OnUnlisted: unlisted})
}

// RunsHere tells whether a job runs in this process, and waits with it: not
// when a server or the batch service of a back-end has it.
func (l *Local) RunsHere(ctx context.Context, identifier string) bool {
	if l.jobs == nil || !l.jobs.began() {
		return false
	}
	_, err := l.jobs.Get(ctx, outcrop.OriginOf(ctx).Caller, identifier)
	return err == nil
}
