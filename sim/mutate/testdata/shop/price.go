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
