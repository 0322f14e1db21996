package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/testdata"
)

type envelopeCase struct {
	name, rule string
	try        func(context.Context) error
}

// crossCases are about more than one vector: forgeries, and two implementations.
func crossCases(s *speaker, golden testdata.Vectors) []envelopeCase {
	const tag = "The tag does not verify, for this name, in this namespace: not authentic."
	c1, c2 := golden.Accepted[0], golden.Accepted[0]
	for _, v := range golden.Accepted {
		if v.Version[0] == sealing.VersionStamped {
			c2 = v
			break
		}
	}
	return []envelopeCase{
		{"forged/any-bit-of-c1", tag, func(ctx context.Context) error { return s.anyBit(ctx, c1) }},
		{"forged/any-bit-of-c2", tag, func(ctx context.Context) error { return s.anyBit(ctx, c2) }},
		{"forged/any-bit-of-the-name", tag, func(ctx context.Context) error { return s.anyBitOfName(ctx, c2) }},
		{"forged/cut-anywhere", tag, func(ctx context.Context) error { return s.cutAnywhere(ctx, c2) }},
		{"forged/another-vector", tag, func(ctx context.Context) error { return s.swapped(ctx, golden.Accepted) }},
		{"cross/theirs-opens-for-us", openRule, func(ctx context.Context) error { return s.theirs(ctx, golden.Accepted[0]) }},
		{"cross/ours-opens-for-them", openRule, func(ctx context.Context) error { return s.oursForThem(ctx, golden.Accepted[0]) }},
		{"cross/padded-lengths", "padded length = L rounded up to a multiple of 2^(E − S)", func(ctx context.Context) error { return s.paddedLengths(ctx, c2) }},
		{"cross/nonces", "Its second half is 12 fresh random bytes each time.", func(ctx context.Context) error { return s.nonces(ctx, c2) }},
		{"lines/in-order", "Answers come in the order of the requests, however many are sent ahead.", func(ctx context.Context) error { return s.inOrder(ctx, golden) }},
	}
}

// anyBit flips each bit of an envelope in turn.
func (s *speaker) anyBit(ctx context.Context, v testdata.Vector) error {
	good := v.Envelope
	for i := range len(good) * 8 {
		v.Envelope = bytes.Clone(good)
		v.Envelope[i/8] ^= 1 << (i % 8)
		if err := s.ask(ctx, openLine(v)).isRefused(""); err != nil {
			return fmt.Errorf("with bit %d of byte %d flipped: %w", i%8, i/8, err)
		}
	}
	return nil
}

func (s *speaker) anyBitOfName(ctx context.Context, v testdata.Vector) error {
	good := v.Name
	for i := range len(good) * 8 {
		v.Name = bytes.Clone(good)
		v.Name[i/8] ^= 1 << (i % 8)
		if err := s.ask(ctx, openLine(v)).isRefused("not authentic"); err != nil {
			return fmt.Errorf("for the name %q: %w", v.Name, err)
		}
	}
	return nil
}

func (s *speaker) cutAnywhere(ctx context.Context, v testdata.Vector) error {
	good := v.Envelope
	for n := range good {
		v.Envelope = good[:n]
		if err := s.ask(ctx, openLine(v)).isRefused(""); err != nil {
			return fmt.Errorf("of the first %d bytes: %w", n, err)
		}
		v.Envelope = good[n+1:]
		if err := s.ask(ctx, openLine(v)).isRefused(""); err != nil {
			return fmt.Errorf("without the first %d bytes: %w", n+1, err)
		}
	}
	return nil
}

// swapped opens each vector as if it were another's.
func (s *speaker) swapped(ctx context.Context, all []testdata.Vector) error {
	for _, v := range all {
		for _, w := range all {
			if bytes.Equal(v.Name, w.Name) && bytes.Equal(v.Namespace, w.Namespace) && bytes.Equal(v.Secret, w.Secret) && v.KeyID == w.KeyID {
				continue
			}
			w.Secret, w.KeyID, w.Namespace, w.Name = v.Secret, v.KeyID, v.Namespace, v.Name
			if err := s.ask(ctx, openLine(w)).isRefused(""); err != nil {
				return fmt.Errorf("the envelope of %q, for the reader of %q: %w", w.Title, v.Title, err)
			}
		}
	}
	return nil
}

// sizes of values that are sealed on one side and opened on the other, in bytes.
var sizes = []int{0, 1, 15, 16, 17, 30, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 1000, 4095, 4096, 4097, 65_535, 100_000}

// variants are values of every size, with and without padding, namespace, expiry
// and stamp.
func variants(like testdata.Vector) (all []testdata.Vector) {
	for i, size := range sizes {
		for kind := range 4 {
			v := like
			v.Title = fmt.Sprintf("a value of %d bytes", size)
			v.Value = []byte(long(size))
			if size > 0 && i%2 == 0 {
				// as padding has
				v.Value = bytes.Repeat([]byte{0}, size)
			}
			v.Padded = kind&1 == 1
			v.Name = fmt.Appendf(nil, "name %d", i)
			v.Stamp = "0000000000000000"
			if kind&2 == 2 {
				v.Stamp = fmt.Sprintf("%016x", uint64(testdata.VectorsNow-int64(i))<<16|uint64(i))
				v.Namespace = []byte("tenant")
				v.ExpiryMS = testdata.VectorsNow + 1 + int64(i)
			}
			all = append(all, v)
		}
	}
	return all
}

// theirs has values sealed, with nonces of its own choice, and opens them.
func (s *speaker) theirs(ctx context.Context, like testdata.Vector) error {
	for _, v := range variants(like) {
		sealed := s.ask(ctx, sealLine(v, false))
		if err := sealed.isSealed(); err != nil {
			return err
		}
		v.Envelope = sealed.value
		if err := opensForUs(v); err != nil {
			return fmt.Errorf("%s: %w", v.Title, err)
		}
	}
	return nil
}

// isSealed demands an envelope.
func (r reply) isSealed() error {
	switch {
	case errors.Is(r.err, errUnsupported):
		return errors.New("sealing without a nonce is not supported")
	case r.err != nil:
		return r.err
	case r.class != "":
		return fmt.Errorf("sealing is refused as %q", r.class)
	}
	return nil
}

// oursForThem has values opened that this module has sealed.
func (s *speaker) oursForThem(ctx context.Context, like testdata.Vector) (err error) {
	for _, v := range variants(like) {
		if v.Envelope, err = ourEnvelope(v); err != nil {
			return err
		}
		if err := s.mustOpen(ctx, v); err != nil {
			return fmt.Errorf("%s: %w", v.Title, err)
		}
	}
	return nil
}

// paddedLengths compares how long envelopes of padded values are.
func (s *speaker) paddedLengths(ctx context.Context, like testdata.Vector) error {
	for size := 0; size <= 70_000; size += 1 + size/40 {
		v := like
		v.Value, v.Padded = make([]byte, size), true
		sealed := s.ask(ctx, sealLine(v, false))
		if err := sealed.isSealed(); err != nil {
			return err
		}
		own, err := ourEnvelope(v)
		if err != nil {
			return err
		}
		if len(sealed.value) != len(own) {
			return fmt.Errorf("a padded value of %d bytes becomes an envelope of %d, not of %d", size, len(sealed.value), len(own))
		}
	}
	return nil
}

// nonces looks for one that comes twice.
func (s *speaker) nonces(ctx context.Context, v testdata.Vector) error {
	const halfAt, halfSize, seals = 22, 12, 256 // of version 0xC2
	var met [][]byte
	for range seals {
		sealed := s.ask(ctx, sealLine(v, false))
		if err := sealed.isSealed(); err != nil {
			return err
		}
		if len(sealed.value) < halfAt+2*halfSize {
			return fmt.Errorf("the envelope has %d bytes", len(sealed.value))
		}
		second := sealed.value[halfAt+halfSize:][:halfSize]
		if slices.ContainsFunc(met, func(b []byte) bool { return bytes.Equal(b, second) }) {
			return fmt.Errorf("of %d values, two have the nonce's second half %x", len(met)+1, second)
		}
		met = append(met, second)
	}
	return nil
}

// inOrder asks several things before it listens.
func (s *speaker) inOrder(ctx context.Context, golden testdata.Vectors) error {
	for range 20 {
		s.say(openLine(golden.Accepted[0]))
		s.say(openLine(golden.Refused[0]))
		s.say(openLine(golden.Accepted[4]))
	}
	for range 20 {
		first, second, third := s.hear(ctx), s.hear(ctx), s.hear(ctx)
		if err := errors.Join(first.opens(golden.Accepted[0].Value), second.isRefused(golden.Refused[0].Error), third.opens(golden.Accepted[4].Value)); err != nil {
			return err
		}
	}
	return nil
}
