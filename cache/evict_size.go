package cache

// Items compete for bytes, but what counts is hits: a hundred small items that
// are read now and then are worth more than one large item in their place. So
// size counts as well as use, compared with the average cost of the shard's
// items:
//
//   - An item that was not read is still kept if it is smaller than half the
//     average; the smaller it is, the more likely. Where sizes are widely mixed,
//     two thirds of the average are small enough.
//   - An item that was read once or twice and is more than twice the average may
//     be evicted; the larger it is, the more likely. One that was read more often
//     stays.
//   - An item more than twice the average that the ghost remembers may enter the
//     admission queue again, as a new one does.
//
// Where items are all of about the same size, none of this applies.

// survives reports whether an item in a segment being evicted stays, by its use and
// its cost.
func (s *shard) survives(use uint8, cost int64) bool {
	mean := s.meanCost()
	switch {
	case use == 0:
		return s.small(cost, mean) && !s.draws.cubeChance(cost, mean)
	case use < maxUse && cost > 2*mean:
		return s.draws.rootChance(mean, cost)
	}
	return true
}

// small reports whether an item costs so much less than the average that it may
// stay unread. Sizes are widely mixed where the mean of their squares is more than
// twice the square of their mean: sizes spread evenly from 500 to 1,500 bytes give
// 1.1, as many from each power of two from 64 bytes to 16 KiB to the next give 2.9.
func (s *shard) small(cost, mean int64) bool {
	if 2*cost < mean {
		return true
	}
	square := float64(mean) / squareUnit * float64(mean) / squareUnit
	return 3*cost < 2*mean && float64(s.squares) > 2*square*float64(s.index.n)
}

// squareUnit is the unit in which costs are squared, in bytes, so that no sum of
// squares overflows.
const squareUnit = 16

func square(cost int64) uint64 { return uint64(cost/squareUnit) * uint64(cost/squareUnit) }

// returns reports whether an item that the ghost remembers is protected from the start.
func (s *shard) returns(cost int64) bool {
	mean := s.meanCost()
	return cost <= 2*mean || s.draws.chance(mean, cost)
}

// meanCost returns the average cost of the shard's items.
func (s *shard) meanCost() int64 {
	return ItemOverhead + int64(s.bytes)/int64(max(s.index.n, 1))
}

// draws is a pseudo-random number generator (wyrand), seeded from the key of the
// hash: runs with the same key repeat, and without the key it cannot be predicted.
type draws uint64

func newDraws(h hasher) draws { return draws(h.sum([]byte("draws"))) }

func (d *draws) next() uint32 {
	*d += mix0
	return uint32(fold(uint64(*d), uint64(*d)^mix1))
}

// chance is true with probability a/b, for 0 <= a <= b < 1<<31.
func (d *draws) chance(a, b int64) bool {
	return uint64(d.next())*uint64(b) < uint64(a)<<32
}

// cubeChance is true with probability (a/b)³.
func (d *draws) cubeChance(a, b int64) bool {
	for range 3 {
		if !d.chance(a, b) {
			return false
		}
	}
	return true
}

// rootChance is true with probability √(a/b).
func (d *draws) rootChance(a, b int64) bool {
	u := uint64(d.next() >> 16)
	return u*u*uint64(b) < uint64(a)<<32
}
