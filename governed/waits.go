package governed

import (
	"context"
	"strconv"
	"time"

	"github.com/outcrop-ai/outcrop"
)

// waits is how long calls may wait for their turn: interactive ones, those of
// the other classes, and any where another back-end is asked next. Zero means
// the default; negative not to wait.
type waits struct{ interactive, others, spare time.Duration }

func (w waits) filled() waits {
	if w.interactive == 0 {
		w.interactive = DefaultMaxWait
	}
	if w.others == 0 {
		w.others = DefaultBatchMaxWait
	}
	if w.spare == 0 {
		w.spare = DefaultSpareWait
	}
	return w
}

// patience is how long one call may wait, at the most, and what says so.
type patience struct {
	most time.Duration
	by   string
}

// of is the patience of a call.
func (w waits) of(ctx context.Context, class outcrop.Class) patience {
	p := patience{w.others, "quotas.batchMaxWait"}
	if class == outcrop.Interactive {
		p = patience{w.interactive, "quotas.maxWait"}
	}
	if outcrop.HasSpare(ctx) && w.spare < p.most {
		p = patience{w.spare, "quotas.spareWait"}
	}
	p.most = max(p.most, 0)
	if deadline, ok := ctx.Deadline(); ok && p.most > 0 {
		if left := time.Until(deadline); left < p.most {
			p = patience{max(left, 1), "its caller's deadline"}
		}
	}
	return p
}

// tellQueued adds a wait to what a reply's header tells of those before.
func tellQueued(meta *outcrop.Meta, waited time.Duration) {
	if waited < time.Millisecond {
		return
	}
	before, _ := strconv.ParseInt(meta.Header[HeaderQueued], 10, 64) // 0 where there is none
	tell(meta, HeaderQueued, strconv.FormatInt(before+waited.Milliseconds(), 10))
}
