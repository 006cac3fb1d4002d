package route

import (
	"context"
	"maps"

	"github.com/outcrop-ai/outcrop"
)

// Lane is one of several equals that a call can go to: a back-end and a model's
// name there, as in a Target. Price is for the Placer.
type Lane struct {
	Backend, Name string
	Price         float64
}

func (l Lane) target() Target { return Target{Backend: l.Backend, Name: l.Name} }

// Placer puts the lanes of a call, named as they are there, in the order in which
// they are asked: it appends their indices to order and returns that, with the
// context that goes with the call. It books nothing: a lane may be passed over,
// since its circuit is open, and the next asked when one fails. It is safe for
// concurrent use and does not wait.
type Placer interface {
	Place(ctx context.Context, call *outcrop.Call, lanes []Lane, order []int) (context.Context, []int)
}

// Lanes are the equals that a model's calls are placed among, with its name there;
// nil where there are not several.
func (r *Router) Lanes(modelID string) ([]Lane, error) {
	id, _ := r.unalias(modelID)
	lanes, err := r.lanes(id)
	if err != nil {
		return nil, err
	}
	var list []Lane
	for _, l := range lanes {
		if l.placed {
			list = append(list, Lane{Backend: l.name, Name: l.model, Price: l.price})
		}
	}
	return list, nil
}

// HeaderLane is the reply header that tells which of a model's lanes answered:
// the back-end, and after a slash the model's name there.
const HeaderLane = "X-Outcrop-Lane"

// placed puts the lanes that are equals in the order of the Placer. Those that it
// leaves out come after the others.
func (r *Router) placed(ctx context.Context, call *outcrop.Call, lanes []lane) (context.Context, []lane) {
	n := 0
	for n < len(lanes) && lanes[n].placed {
		n++
	}
	if n < 2 || r.config.Placer == nil {
		return ctx, lanes
	}
	var few [8]Lane
	var indices [8]int
	choices := few[:0]
	for _, l := range lanes[:n] {
		choices = append(choices, Lane{Backend: l.name, Name: l.model, Price: l.price})
	}
	ctx, order := r.config.Placer.Place(ctx, call, choices, indices[:0])
	sorted := make([]lane, 0, len(lanes))
	take := func(i int) {
		if i >= 0 && i < n && lanes[i].placed {
			sorted = append(sorted, lanes[i])
			lanes[i].placed = false // it is taken
		}
	}
	for _, i := range order {
		take(i)
	}
	for i := range n {
		take(i)
	}
	return ctx, append(sorted, lanes[n:]...)
}

// spare tells whether a call had better not wait long for a lane: somebody
// follows. Among lanes that are equals it waits for the one that it was placed
// in, since the others would be later.
func spare(lanes []lane, i int) bool {
	return i < len(lanes)-1 && !(lanes[i].placed && lanes[len(lanes)-1].placed)
}

// tell names the lane in a reply, where it is one of several.
func (l lane) tell(meta *outcrop.Meta) {
	meta.Backend = l.name
	if !l.placed {
		return
	}
	header := maps.Clone(meta.Header) // it may be shared
	if header == nil {
		header = make(map[string]string, 1)
	}
	header[HeaderLane] = l.name + "/" + l.model
	meta.Header = header
}
