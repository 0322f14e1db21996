package script

// Draw returns a random number that depends on nothing but its arguments: the
// seed and a key that says what the number is for (a link, a virtual time, an
// offset). The same call gives the same number in every run.
func Draw(seed uint64, key ...uint64) uint64 {
	h := mix(seed ^ 0x9E3779B97F4A7C15)
	for _, k := range key {
		h = mix(h ^ k)
	}
	return h
}

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) behind
// its increment, so that zero does not map to zero.
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// Dice is a stream of random numbers for the one place that wants a stream:
// drawing a whole script. Not safe for concurrent use.
type Dice struct{ seed, thrown uint64 }

// NewDice returns the stream that belongs to seed.
func NewDice(seed uint64) *Dice { return &Dice{seed: seed} }

// Uint64 returns the next number.
func (d *Dice) Uint64() uint64 {
	d.thrown++
	return Draw(d.seed, d.thrown)
}

// Below returns a number in [0, n); n must be positive.
func (d *Dice) Below(n int) int { return int(d.Uint64() % uint64(n)) }

// Between returns a number in [lo, hi].
func (d *Dice) Between(lo, hi int) int { return lo + d.Below(hi-lo+1) }

// Chance is true in percent of 100 throws.
func (d *Dice) Chance(percent int) bool { return d.Below(100) < percent }
