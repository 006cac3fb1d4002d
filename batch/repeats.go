package batch

// idSet finds values that come twice among more than it can hold. It holds the
// values of one part of all, those whose low bits are a given number, and when
// that part outgrows its capacity, it goes on with half of it. The other half
// is left for another pass over the input. So memory is bounded, and n values
// take about n/capacity passes.
//
// It is not safe for concurrent use.
type idSet struct {
	part     idPart
	capacity int
	held     map[uint64]struct{}
}

// idPart is the values whose low bits are value.
type idPart struct {
	bits  uint
	value uint64
}

func (p idPart) holds(hash uint64) bool { return hash&(1<<p.bits-1) == p.value }

// add puts a value into the set and tells whether it was there. The parts that
// it had to give up on the way are appended to left.
func (s *idSet) add(hash uint64, left []idPart) (seen bool, _ []idPart) {
	if !s.part.holds(hash) {
		return false, left
	}
	if _, seen := s.held[hash]; seen {
		return true, left
	}
	s.held[hash] = struct{}{}
	for len(s.held) > s.capacity && s.part.bits < 64 {
		left = append(left, idPart{s.part.bits + 1, s.part.value | 1<<s.part.bits})
		s.part.bits++
		for h := range s.held {
			if !s.part.holds(h) {
				delete(s.held, h)
			}
		}
	}
	return false, left
}
