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

// of is how long one call may wait, at the most.
func (w waits) of(ctx context.Context, class outcrop.Class) time.Duration {
	most := w.others
	if class == outcrop.Interactive {
		most = w.interactive
	}
	if outcrop.HasSpare(ctx) {
		most = min(most, w.spare)
	}
	return max(most, 0)
}

// tellQueued adds a wait to what a reply's header tells of those before.
func tellQueued(meta *outcrop.Meta, waited time.Duration) {
	if waited < time.Millisecond {
		return
	}
	before, _ := strconv.ParseInt(meta.Header[HeaderQueued], 10, 64) // 0 where there is none
	tell(meta, HeaderQueued, strconv.FormatInt(before+waited.Milliseconds(), 10))
}
