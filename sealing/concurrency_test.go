package sealing_test

import (
	"bytes"
	"fmt"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sealing"
)

var _ = Describe("A sealer shared by many goroutines", func() {
	const goroutines, rounds = 64, 100

	// each runs f in every goroutine and hands back the first error.
	each := func(f func(g int) error) error {
		errs := make(chan error, goroutines)
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() {
				if err := f(g); err != nil {
					errs <- err
				}
			})
		}
		wg.Wait()
		close(errs)
		return <-errs
	}

	roundTrips := func(s *sealing.Sealer, g int) error {
		var envelope, value, wire []byte
		name := fmt.Appendf(nil, "name %d", g)
		for i := range rounds {
			want := fmt.Appendf(nil, "value %d of %d", i, g)
			var err error
			if envelope, err = s.Seal(envelope[:0], name, want, now, stamp); err != nil {
				return err
			}
			if value, err = s.Open(value[:0], name, envelope, now); err != nil {
				return err
			}
			if !bytes.Equal(value, want) {
				return fmt.Errorf("opened %q, sealed %q", value, want)
			}
			if wire = s.AppendWireName(wire[:0], name); len(wire) != sealing.BlindNameSize {
				return fmt.Errorf("wire name is %d bytes", len(wire))
			}
		}
		return nil
	}

	It("opens for each what it sealed", func() {
		s := sealer(keyring(secret), sealing.WithBlindNames())
		Expect(each(func(g int) error { return roundTrips(s, g) })).To(Succeed())
	})

	It("does so with padding and an injected source of nonces", func() {
		s := sealer(keyring(secret), sealing.WithBlindNames(), sealing.WithPadding(), sealing.WithRandom(&counter{}))
		Expect(each(func(g int) error { return roundTrips(s, g) })).To(Succeed())
	})

	It("does so while keys rotate under it", func() {
		kr := keyring(secret)
		s := sealer(kr, sealing.WithBlindNames())
		done := make(chan struct{})
		rotated := make(chan error, 1)
		go func() {
			for {
				select {
				case <-done:
					rotated <- nil
					return
				default:
				}
				if len(kr.Keys()) < 20 {
					id, err := kr.Generate(now)
					if err == nil {
						err = kr.Promote(id)
					}
					if err != nil {
						rotated <- err
						return
					}
				}
				if err := s.Rekey(kr); err != nil {
					rotated <- err
					return
				}
			}
		}()
		Expect(each(func(g int) error { return roundTrips(s, g) })).To(Succeed())
		close(done)
		Expect(<-rotated).To(Succeed())
	})

	It("counts no half beyond its limit, whichever goroutine seals", func() {
		s := sealer(keyring(secret))
		var mu sync.Mutex
		seals := map[string]int{}
		Expect(each(func(int) error {
			var envelope []byte
			mine := map[string]int{}
			for range 2*sealing.SealsPerSubkey/goroutines + 1 {
				var err error
				if envelope, err = s.Seal(envelope[:0], nil, nil, never, stamp); err != nil {
					return err
				}
				mine[string(envelope[22:34])]++
			}
			mu.Lock()
			defer mu.Unlock()
			for half, n := range mine {
				seals[half] += n
			}
			return nil
		})).To(Succeed())
		Expect(seals).To(HaveLen(3))
		for _, n := range seals {
			Expect(n).To(BeNumerically("<=", sealing.SealsPerSubkey))
		}
	})
})

// counter is a source of bytes that is not safe for concurrent use.
type counter struct{ n byte }

func (c *counter) Read(p []byte) (int, error) {
	for i := range p {
		c.n++
		p[i] = c.n
	}
	return len(p), nil
}
