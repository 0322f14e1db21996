package cryptomem

import (
	"errors"
	"fmt"
	"time"

	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/sealing/freshness"
)

// WithFreshness configures how the client detects a store that returns old
// values: one that the client knows to have been replaced or removed is ErrStale.
// The zero Config is the default: clocks that differ by at most 5 s, writes that
// take effect within 55 s, and 65,536 remembered names in under 2 MB. See package
// freshness for the rules and for what no client can detect.
//
// The store has to show a change to every read that begins after the change was
// acknowledged. Use WithoutFreshness with one that reads from lagging replicas.
func WithFreshness(config freshness.Config) Option {
	return func(o *options) error {
		o.freshness, o.forgetful = config, false
		if config.Clocks != 0 {
			o.sealing = append(o.sealing, sealing.WithClockBound(config.Clocks))
		}
		return nil
	}
}

// WithoutFreshness makes the client remember nothing of what the store has shown.
// The store can then serve any older value that has not expired.
func WithoutFreshness() Option {
	return func(o *options) error { o.forgetful = true; return nil }
}

// WithNotBefore makes a cut from the start, as Client.NotBefore does.
func WithNotBefore(t time.Time) Option {
	return func(o *options) error {
		o.sealing = append(o.sealing, sealing.WithNotBefore(t))
		return nil
	}
}

// WithStampedOnly refuses values without a sealing time (envelope version 0xC1)
// with ErrStale. Use it once the last client that writes them is gone and what it
// wrote has expired.
func WithStampedOnly() Option {
	return func(o *options) error {
		o.sealing = append(o.sealing, sealing.WithStampedOnly())
		return nil
	}
}

// WithEnvelopeVersion sets the envelope version that the client writes:
// sealing.VersionStamped, the default, or sealing.VersionUnstamped while some
// readers know no other. The client always reads both.
func WithEnvelopeVersion(version byte) Option {
	return func(o *options) error {
		if version != sealing.VersionStamped && version != sealing.VersionUnstamped {
			return fmt.Errorf("WithEnvelopeVersion: 0x%02x, must be 0x%02x or 0x%02x", version, sealing.VersionStamped, sealing.VersionUnstamped)
		}
		o.unstamped = version == sealing.VersionUnstamped
		return nil
	}
}

// NotBefore sets a cut: a value sealed before t, or without a sealing time, is
// ErrStale from then on. It needs neither the store's help nor a new key. It
// applies to this client only; a cut in the key file applies to every client of
// the file, and the later of the two counts. The cut takes effect once the
// client's clock has passed t by the most that clocks may differ. The zero time
// removes it.
func (c *Client) NotBefore(t time.Time) {
	if c.err == nil {
		c.sealer.SetNotBefore(t)
		c.followCut()
	}
}

// followCut lets no stamp of this client fall behind the cut that is set.
func (c *Client) followCut() {
	if c.fresh != nil {
		c.fresh.SetCut(c.sealer.NotBefore())
	}
}

// remember gives the client its memory of names, unless it is to have none. With
// WithRandom the memory's hash key is fixed, so that a simulation can be replayed.
func (c *Client) remember() (err error) {
	if c.opts.forgetful {
		return nil
	}
	config := c.opts.freshness
	if c.opts.random != nil && config.Key == [16]byte{} {
		config.Key = [16]byte{1}
	}
	if c.fresh, err = freshness.New(config); err == nil {
		c.followCut()
	}
	return err
}

// stamp returns the sealing time for an envelope made now.
func (c *Client) stamp(now time.Time) sealing.Stamp {
	if c.fresh == nil {
		return sealing.StampAt(now)
	}
	return c.fresh.Stamp(now)
}

// recall notes what is known of op's name before each attempt. The answer is
// judged by that, since answers to later requests may overtake it.
func (op *operation) recall() {
	fresh := op.client.fresh
	if fresh == nil {
		return
	}
	switch op.Command {
	case CommandPing, CommandStats, CommandScan:
	case CommandFlush:
		op.stamp = fresh.Stamp(op.client.opts.clock.Now())
	case CommandDelete, CommandGetDel:
		op.stamp = fresh.Stamp(op.client.opts.clock.Now())
		op.known = fresh.Begin(op.name)
	default:
		op.known = fresh.Begin(op.name)
	}
}

// learn records what the outcome of op tells about its name. A value that was
// found is judged by open; a refusal or an unknown outcome tells nothing.
func (op *operation) learn(err error) {
	fresh := op.client.fresh
	if fresh == nil || err != nil && !errors.Is(err, ErrNotFound) {
		return
	}
	switch op.Command {
	case CommandGet, CommandGetItem, CommandGetDel:
		if err != nil {
			fresh.Miss(op.known)
		}
	case CommandSet, CommandAdd, CommandReplace, CommandSwap:
		if err == nil {
			fresh.Written(op.known, op.sent)
		}
	case CommandDelete:
		fresh.Deleted(op.known, op.stamp)
	case CommandFlush:
		if err == nil && op.everything {
			fresh.Flushed(op.stamp)
		}
	}
}

// judge returns why the authentic envelope that op was answered with is stale, or
// nil.
func (op *operation) judge(now time.Time) error {
	fresh := op.client.fresh
	if fresh == nil {
		return nil
	}
	e, err := identify(op.Answer)
	if err != nil {
		return err
	}
	if op.Command == CommandGetDel {
		return fresh.GetDeleted(op.known, e, op.stamp, now)
	}
	return fresh.Hit(op.known, e, now)
}

// identify returns what freshness tells an envelope by.
func identify(envelope []byte) (freshness.Envelope, error) {
	h, err := sealing.ParseHeader(envelope)
	return freshness.Envelope{Stamp: h.Stamp, ID: h.ID()}, err
}
