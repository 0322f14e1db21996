// Package shop is what the specs make mutants of.
package shop

// Price returns what n things cost, in cents.
func Price(n, each int) int {
	total := n * each
	if n >= 10 {
		total = discount(total, n)
	}
	return total
}

func discount(total, n int) int {
	log(n, total)
	return total - total/10
}

func log(n, total int) {
	seen = append(seen, [2]int{n, total})
}

var seen [][2]int

// Sum adds up, and has no name for what it does not need.
func Sum(_ int, more ...int) (total int) {
	for _, n := range more {
		total += n
	}
	return
}

// First returns the first one.
func First[T any](all []T) T {
	var none T
	if len(all) == 0 {
		return none
	}
	return all[0]
}

// A Till has methods without a name for it.
type Till struct{}

// Take takes some.
func (Till) Take(n, each int) int { return Price(n+1, each) }

// Refund gives back.
func Refund(n int) int { return 0 - n }
