package cache

// Items compete for bytes, and what counts are hits: a hundred small items that
// are read now and then are worth more than one large item in their place. So
// size decides with use, measured against what an item of the shard costs on
// average:
//
//   - An item that was not read is kept all the same if it is smaller than half
//     the average; the less it costs, the surer. Where sizes are widely mixed, two
//     thirds of the average are small enough.
//   - An item that was read once or twice and is more than twice the average is
//     not sure to stay; the more it costs, the less sure. One that was read
//     more often is worth its bytes.
//   - An item more than twice the average that the ghost remembers may have to
//     prove itself as a new one does.
//
// Items of about the same size never meet any of this.

// survives reports whether the evicted item stays, by its use and what it costs.
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

// squareUnit is the unit of costs that are squared, in bytes, so that no sum of
// squares runs over.
const squareUnit = 16

func square(cost int64) uint64 { return uint64(cost/squareUnit) * uint64(cost/squareUnit) }

// returns reports whether an item that the ghost remembers is protected at once.
func (s *shard) returns(cost int64) bool {
	mean := s.meanCost()
	return cost <= 2*mean || s.draws.chance(mean, cost)
}

// meanCost is what an item of the shard costs on average.
func (s *shard) meanCost() int64 {
	return ItemOverhead + int64(s.bytes)/int64(max(s.index.n, 1))
}

// draws is a generator of pseudo-random numbers (wyrand), seeded from the key of
// the hash: runs with the same key repeat, and nobody else can foretell them.
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
