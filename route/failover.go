package route

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// lane is a back-end with the name that the model has there.
type lane struct {
	name    string // of the back-end
	backend Backend
	model   string
	circuit *circuit

	placed bool // one of several equals
	price  float64
	tries  bool // of a call: its end decides whether the circuit closes
}

// failover asks lane after lane, until one answers or fails in a way that
// another would too. Lanes whose circuit is open are passed over; when all
// are, the first is asked all the same, since to try is better than to refuse.
// No more are asked than a Retry around the router has left. Who has waited in
// vain for one of several equals does not wait for another.
func (r *Router) failover(ctx context.Context, lanes []lane, ask func(context.Context, lane) (*outcrop.Reply, error)) (*outcrop.Reply, error) {
	asked, most, waited := 0, attemptsOf(ctx), false
	var reply *outcrop.Reply
	var err error
	for i, l := range lanes {
		if waited && l.placed {
			continue
		}
		if len(lanes) > 1 {
			in, tries := l.circuit.admit(r.now())
			if !in {
				continue
			}
			l.tries = tries
		}
		asked++
		more := asked < most
		reply, err = r.one(ctx, l, ask, more && i < len(lanes)-1, more && spare(lanes, i))
		if err == nil {
			reply.Meta.Attempts = max(1, reply.Meta.Attempts) + asked - 1
			return reply, nil
		}
		if asked >= most || !outcrop.AsError(err).Retryable || ctx.Err() != nil {
			return nil, counted(err, asked)
		}
		waited = waited || l.placed && hasWaited(outcrop.AsError(err))
	}
	if asked == 0 {
		return r.one(ctx, lanes[0], ask, false, false)
	}
	return nil, counted(err, asked)
}

// counted is an error that tells how many back-ends were asked.
func counted(err error, asked int) error {
	if asked < 2 {
		return err
	}
	e := *outcrop.AsError(err)
	e.Attempts = asked
	return &e
}

// one asks one lane, which is told when the call had better not wait, and reports
// to its circuit. A reply that streams is reported when it ends; when there is
// another lane, its first event is read before it counts as a reply.
func (r *Router) one(ctx context.Context, l lane, ask func(context.Context, lane) (*outcrop.Reply, error), another, spare bool) (*outcrop.Reply, error) {
	asking := ctx
	if spare {
		asking = outcrop.WithSpare(ctx)
	}
	reply, err := l.ask(asking, r.now, ask, another)
	if err != nil {
		l.circuit.report(r.now, judge(err, ctx.Err() != nil), l.tries)
		return nil, err
	}
	l.tell(&reply.Meta)
	if reply.Stream == nil {
		l.circuit.report(r.now, answered, l.tries)
		return reply, nil
	}
	reply.Stream.OnEnd(func(err error) {
		l.circuit.report(r.now, judge(err, ctx.Err() != nil || errors.Is(err, context.Canceled)), l.tries)
	})
	return reply, nil
}

// ask asks the lane. A back-end that panics has failed: otherwise its circuit
// would wait for ever to be told how the call went.
func (l lane) ask(ctx context.Context, now func() time.Time, ask func(context.Context, lane) (*outcrop.Reply, error), another bool) (*outcrop.Reply, error) {
	returned := false
	defer func() {
		if !returned {
			l.circuit.report(now, failed, l.tries)
		}
	}()
	reply, err := ask(ctx, l)
	if err == nil && reply.Stream != nil && another {
		reply.Stream, err = begun(reply.Stream)
	}
	returned = true
	return reply, err
}

// begun reads the first event of a stream: the stream from there on, or the
// error that came in its place.
func begun(s *outcrop.Stream) (*outcrop.Stream, error) {
	next, stop := iter.Pull2(s.Events())
	first, err, some := next()
	if err != nil {
		stop()
		_ = s.Close()
		return nil, err
	}
	events := func(yield func(bedrock.Event, error) bool) {
		if !some || !yield(first, nil) {
			return
		}
		for {
			event, err, more := next()
			if !more || !yield(event, err) {
				return
			}
		}
	}
	out := s.Wrap(events)
	// A stream ends once: where it was ranged, or unread. So stop never runs
	// beside next.
	out.OnEnd(func(error) { stop() })
	return out, nil
}
