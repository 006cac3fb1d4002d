package local

import (
	"errors"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/cassette"
	"github.com/outcrop-ai/outcrop/route"
)

// backends makes what answers calls: a player where exchanges are replayed,
// else the back-ends behind a router, and around them a recorder where
// exchanges are recorded. The recorder stands outside of the retries, so that
// what it writes is what the caller got.
func (o *opener) backends(unlisted func(string, error)) (*route.Router, outcrop.Backend, error) {
	c := o.settings.Cassette
	tape := cassette.Config{Ignore: c.Ignore, Paced: c.Paced}
	if c.Replay != "" {
		player, err := cassette.Open(c.Replay, tape)
		return nil, player, err
	}
	router, err := o.router(unlisted)
	if err != nil {
		return nil, nil, err
	}
	backend := o.retrying(router)
	if c.Record != "" {
		if backend, err = cassette.NewRecorder(backend, c.Record, tape); err != nil {
			return nil, nil, errors.Join(err, o.close())
		}
	}
	return router, backend, nil
}
