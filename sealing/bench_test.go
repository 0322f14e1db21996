package sealing_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/Zezezknight/cryptomem/sealing"
)

// The same value sealed and opened by this package, by AES-256-GCM with random
// nonces from the standard library, and by Tink's AES-256-GCM. Compare within
// one run only:
//
//	go test -run '^$' -bench . ./sealing
var (
	benchSizes = []int{64, 1 << 10, 16 << 10}
	benchName  = []byte("user:00000000000000:data")
)

func benchSealer(b *testing.B, opts ...sealing.Option) *sealing.Sealer {
	kr, err := sealing.KeyringFromSecret(secret)
	if err != nil {
		b.Fatal(err)
	}
	s, err := sealing.New(kr, opts...)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func benchGCM(b *testing.B) cipher.AEAD {
	block, err := aes.NewCipher(secret)
	if err != nil {
		b.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		b.Fatal(err)
	}
	return gcm
}

func benchTink(b *testing.B) tink.AEAD {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		b.Fatal(err)
	}
	primitive, err := aead.New(handle)
	if err != nil {
		b.Fatal(err)
	}
	return primitive
}

// contender is one way to do what a benchmark measures.
type contender struct {
	name string
	run  func() error
}

// race runs the contenders in turns of a few microseconds, so that whatever else
// the machine does slows all alike. For each it reports the median time of an
// operation, which leaves collecting garbage out, and how many times that of the
// first contender its median and its mean are.
func race(b *testing.B, contenders ...contender) {
	const turn = 32
	times := make([][]time.Duration, len(contenders))
	for b.Loop() {
		for i, c := range contenders {
			start := time.Now() //nolint:forbidigo // a benchmark measures real time
			for range turn {
				if err := c.run(); err != nil {
					b.Fatal(err)
				}
			}
			times[i] = append(times[i], time.Since(start)) //nolint:forbidigo // a benchmark measures real time
		}
	}
	var medians, means []float64
	for i, c := range contenders {
		slices.Sort(times[i])
		var sum time.Duration
		for _, t := range times[i] {
			sum += t
		}
		medians = append(medians, float64(times[i][len(times[i])/2]))
		means = append(means, float64(sum)/float64(len(times[i])))
		b.ReportMetric(medians[i]/turn, c.name+"-ns")
		if i > 0 {
			b.ReportMetric(medians[i]/medians[0], c.name+"/"+contenders[0].name+"-median")
			b.ReportMetric(means[i]/means[0], c.name+"/"+contenders[0].name+"-mean")
		}
	}
	b.ReportMetric(0, "ns/op")
}

func BenchmarkSeal(b *testing.B) {
	gcm, t, s := benchGCM(b), benchTink(b), benchSealer(b)
	expiry := time.UnixMilli(1_800_000_000_000)
	for _, size := range benchSizes {
		value := bytes.Repeat([]byte{'v'}, size)
		buf := make([]byte, 0, size+2*sealing.Overhead)
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			race(b,
				contender{"gcm", func() error { gcm.Seal(buf, nil, value, benchName); return nil }},
				contender{"cryptomem", func() error { _, err := s.Seal(buf, benchName, value, expiry, stamp); return err }},
				contender{"unstamped", func() error { _, err := s.Seal(buf, benchName, value, expiry, 0); return err }},
				contender{"tink", func() error { _, err := t.Encrypt(value, benchName); return err }},
			)
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	gcm, t, s := benchGCM(b), benchTink(b), benchSealer(b)
	for _, size := range benchSizes {
		value := bytes.Repeat([]byte{'v'}, size)
		buf := make([]byte, 0, size+2*sealing.Overhead)
		byGCM := gcm.Seal(nil, nil, value, benchName)
		byTink, err := t.Encrypt(value, benchName)
		if err != nil {
			b.Fatal(err)
		}
		envelope, err := s.Seal(nil, benchName, value, now.Add(time.Hour), stamp)
		if err != nil {
			b.Fatal(err)
		}
		unstamped, err := s.Seal(nil, benchName, value, now.Add(time.Hour), 0)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			race(b,
				contender{"gcm", func() error { _, err := gcm.Open(buf, nil, byGCM, benchName); return err }},
				contender{"cryptomem", func() error { _, err := s.Open(buf, benchName, envelope, now); return err }},
				contender{"unstamped", func() error { _, err := s.Open(buf, benchName, unstamped, now); return err }},
				contender{"tink", func() error { _, err := t.Decrypt(byTink, benchName); return err }},
			)
		})
	}
}

// BenchmarkParallel shows what concurrent callers of one Sealer contend for.
func BenchmarkParallel(b *testing.B) {
	value := bytes.Repeat([]byte{'v'}, 64)
	run := func(seal func(dst []byte)) func(*testing.B) {
		return func(b *testing.B) {
			b.SetParallelism(128)
			b.RunParallel(func(pb *testing.PB) {
				buf := make([]byte, 0, 256)
				for pb.Next() {
					seal(buf)
				}
			})
		}
	}
	gcm, s := benchGCM(b), benchSealer(b)
	b.Run("gcm/64", run(func(dst []byte) { gcm.Seal(dst, nil, value, benchName) }))
	b.Run("cryptomem/64", run(func(dst []byte) { _, _ = s.Seal(dst, benchName, value, never, stamp) }))
}

// BenchmarkUnmet opens values whose nonce half is not among those kept, as a
// reader does whose writers outnumber them, against values whose half is.
func BenchmarkUnmet(b *testing.B) {
	const halves = 8 << 10
	value := bytes.Repeat([]byte{'v'}, 64)
	buf := make([]byte, 0, 256)
	envelopes := make([][]byte, halves)
	for i := range envelopes {
		var err error
		if envelopes[i], err = benchSealer(b).Seal(nil, benchName, value, never, stamp); err != nil {
			b.Fatal(err)
		}
	}
	met, unmet, next := benchSealer(b), benchSealer(b), 0
	race(b,
		contender{"met", func() error { _, err := met.Open(buf, benchName, envelopes[0], now); return err }},
		contender{"unmet", func() error {
			next++
			_, err := unmet.Open(buf, benchName, envelopes[next%halves], now)
			return err
		}},
	)
}

// BenchmarkOptions tells what padding, and making a blind name, cost beside
// sealing 64 bytes.
func BenchmarkOptions(b *testing.B) {
	value := bytes.Repeat([]byte{'v'}, 64)
	buf := make([]byte, 0, 256)
	plain, padded, blind := benchSealer(b), benchSealer(b, sealing.WithPadding()), benchSealer(b, sealing.WithBlindNames())
	race(b,
		contender{"plain", func() error { _, err := plain.Seal(buf, benchName, value, never, stamp); return err }},
		contender{"padded", func() error { _, err := padded.Seal(buf, benchName, value, never, stamp); return err }},
		contender{"blind-name-alone", func() error { blind.AppendWireName(buf, benchName); return nil }},
	)
}
