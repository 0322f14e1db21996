package script

import "math"

// C's pow, exp and log round almost always to the nearest number, Go's not so
// often. What follows computes with twice the digits and rounds once.

// A double2 is the unevaluated sum of two numbers, the second much smaller.
type double2 struct{ hi, lo float64 }

func quickSum(a, b float64) double2 {
	s := a + b
	return double2{s, b - (s - a)}
}

func twoSum(a, b float64) double2 {
	s := a + b
	v := s - a
	return double2{s, (a - (s - v)) + (b - v)}
}

func twoProduct(a, b float64) double2 {
	p := a * b
	return double2{p, math.FMA(a, b, -p)}
}

func (x double2) add(y double2) double2 {
	s, t := twoSum(x.hi, y.hi), twoSum(x.lo, y.lo)
	s = quickSum(s.hi, s.lo+t.hi)
	return quickSum(s.hi, s.lo+t.lo)
}

func (x double2) mul(y double2) double2 {
	p := twoProduct(x.hi, y.hi)
	return quickSum(p.hi, p.lo+(float64(x.hi*y.lo)+float64(x.lo*y.hi)))
}

func (x double2) scale(k float64) double2 { return double2{x.hi * k, x.lo * k} }

func (x double2) div(y double2) double2 {
	q1 := x.hi / y.hi
	r := x.add(y.mul(double2{-q1, 0}))
	q2 := r.hi / y.hi
	r = r.add(y.mul(double2{-q2, 0}))
	return quickSum(q1, q2).add(double2{r.hi / y.hi, 0})
}

var (
	ln2  = double2{0.6931471805599453, 2.319046813846299558e-17}
	ln10 = double2{2.302585092994046, -2.1707562233822494e-16}
)

// exp2 is e^x for |x| <= 745, as a fraction and a power of two.
func expDouble(x double2) (double2, int) {
	k := math.Round(x.hi / ln2.hi)
	const halvings = 1 << 9
	r := x.add(ln2.mul(double2{-k, 0})).scale(1.0 / halvings)
	// of e^r - 1
	term, sum := r, r
	for i := 2; i <= 9; i++ {
		term = term.mul(r).div(double2{float64(i), 0})
		sum = sum.add(term)
	}
	// (1+s)^2 - 1 = 2s + s^2
	for h := 1; h < halvings; h *= 2 {
		sum = sum.scale(2).add(sum.mul(sum))
	}
	return sum.add(double2{1, 0}), int(k)
}

// logDouble is the natural logarithm of a positive number.
func logDouble(x float64) double2 {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = m*2, e-1
	}
	y := double2{math.Log(m), 0}
	// Newton: y += m*e^-y - 1
	for range 2 {
		f, k := expDouble(y.scale(-1))
		f = f.scale(math.Ldexp(1, k)).mul(double2{m, 0}).add(double2{-1, 0})
		y = y.add(f)
	}
	return ln2.mul(double2{float64(e), 0}).add(y)
}

func exp(x float64) float64 {
	if !(math.Abs(x) < 700) || x == 0 {
		return math.Exp(x)
	}
	f, k := expDouble(double2{x, 0})
	return math.Ldexp(f.hi+f.lo, k)
}

func logarithm(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 1) || x == 1 {
		return math.Log(x)
	}
	y := logDouble(x)
	return y.hi + y.lo
}

func log10(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 1) || x == 1 {
		return math.Log(x)
	}
	y := logDouble(x).div(ln10)
	return y.hi + y.lo
}

func power(x, y float64) float64 {
	plain := math.Pow(x, y)
	if plain == 0 || plain-plain != 0 || x == 1 || y == 0 || math.Abs(plain) < 1e-290 {
		switch {
		case plain == plain:
			return plain
		case x != x:
			return x
		case y != y:
			return y
		}
		return math.Copysign(plain, -1)
	}
	// Only the fraction takes part: powers of two are exact.
	l := logDouble(math.Abs(x)).mul(double2{y, 0})
	f, k := expDouble(l)
	result := math.Ldexp(f.hi+f.lo, k)
	if math.Signbit(plain) {
		return -result
	}
	return result
}
