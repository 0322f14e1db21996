package cryptomem

import (
	"errors"
	"fmt"
	"time"

	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/sealing/freshness"
)

// WithFreshness sets what the client allows for, and how much it remembers, to
// notice a store that takes something back: what comes and is known to have been
// replaced or removed is ErrStale. The zero Config is the default: clocks that
// differ by 5 s at most, writes that take effect within 55 s, and 65,536 names in
// under 2 MB. See package freshness for the rules, and for what no client can
// notice.
//
// The store has to show every change to all who ask after it was acknowledged. To
// one that answers from replicas which lag behind, WithoutFreshness belongs.
func WithFreshness(config freshness.Config) Option {
	return func(o *options) error {
		o.freshness, o.forgetful = config, false
		if config.Clocks != 0 {
			o.sealing = append(o.sealing, sealing.WithClockBound(config.Clocks))
		}
		return nil
	}
}

// WithoutFreshness remembers nothing of what the store has shown, which may then
// serve an older value for as long as that has not expired.
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

// WithStampedOnly refuses values that do not say when they were sealed, those of
// envelope version 0xC1, with ErrStale. Use it once the last client that writes
// such is gone and what it wrote has expired.
func WithStampedOnly() Option {
	return func(o *options) error {
		o.sealing = append(o.sealing, sealing.WithStampedOnly())
		return nil
	}
}

// WithEnvelopeVersion sets the version of what is written: sealing.VersionStamped,
// the default, or sealing.VersionUnstamped for as long as there are readers that
// know no other. Both are read in any case.
func WithEnvelopeVersion(version byte) Option {
	return func(o *options) error {
		if version != sealing.VersionStamped && version != sealing.VersionUnstamped {
			return fmt.Errorf("WithEnvelopeVersion: 0x%02x, must be 0x%02x or 0x%02x", version, sealing.VersionStamped, sealing.VersionUnstamped)
		}
		o.unstamped = version == sealing.VersionUnstamped
		return nil
	}
}

// NotBefore makes a cut in time: what was sealed before t, or does not say when, is
// ErrStale from then on, whatever the store says. It takes neither the store's help
// nor a new key, and reaches this client alone; a cut in the key file reaches all
// that follow it, and the later of the two counts. The cut is in force once the
// client's clock has passed t by as much as clocks may differ. The zero time takes
// it back.
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

// remember gives the client its memory of names, unless it is to have none. One
// that is to be replayed has the same names meet in it every time.
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

// stamp returns the sealing time of what is sealed now.
func (c *Client) stamp(now time.Time) sealing.Stamp {
	if c.fresh == nil {
		return sealing.StampAt(now)
	}
	return c.fresh.Stamp(now)
}

// recall notes what is known of op's name, before each attempt: an answer is
// judged by that, for others may overtake it.
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

// learn notes what the outcome of op tells about its name. What was found is
// judged by open. What was refused, or may have been applied, tells nothing.
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
