package cryptomem

import (
	"errors"
	"time"

	"github.com/Zezezknight/cryptomem/sealing"
)

// A StoreOption says for how long one value is stored, or a lock held: TTL,
// ExpiresAt or KeepTTL. Without any it is the client's default; Update and
// Increment keep what is there, and Extend takes what was taken before. Of
// several, the last one of a kind counts.
type StoreOption struct {
	kind  lifetimeKind
	ttl   time.Duration
	until time.Time
}

type lifetimeKind uint8

const (
	forTTL lifetimeKind = iota
	untilInstant
	untilThen // when the value that is there ends
)

// TTL makes the value expire when d has passed; 0 means never. A negative
// duration is an error.
func TTL(d time.Duration) StoreOption { return StoreOption{kind: forTTL, ttl: d} }

// ExpiresAt makes the value expire at an instant; the zero Time means never. What
// is stored with an instant in the past is gone at once.
func ExpiresAt(t time.Time) StoreOption { return StoreOption{kind: untilInstant, until: t} }

// KeepTTL lets a value take over the expiry of the one that it replaces. Where
// nothing is replaced, what else is given counts, or the client's default.
//
// The expiry is part of the seal, so it has to be read first: Set, Replace and
// CompareAndSwap take one round trip more. A batch cannot do that, and refuses.
func KeepTTL() StoreOption { return StoreOption{kind: untilThen} }

// A lifetime is what the options of one call amount to.
type lifetime struct {
	ttl time.Duration
	// When it ends, in place of ttl, if fixed is set.
	until time.Time
	fixed bool
	// Whether to keep the expiry of the value that is replaced, if there is one.
	keep bool
	// Whether an option other than KeepTTL was given.
	given bool

	// The value is the one that was there, and as old as it was.
	resealed bool
	// Then: when that was sealed.
	stamp sealing.Stamp
}

// lifetime returns what the options say, of a client with its own default.
func (c *Client) lifetime(opts []StoreOption) (lifetime, error) {
	if c.err != nil {
		return lifetime{}, c.err
	}
	l := lifetime{ttl: c.opts.ttl}
	for _, o := range opts {
		switch o.kind {
		case forTTL:
			l.ttl, l.fixed, l.given = o.ttl, false, true
		case untilInstant:
			l.until, l.fixed, l.given = o.until, true, true
		case untilThen:
			l.keep = true
		}
	}
	if l.fixed {
		return l, nil
	}
	return l, checkTTL(l.ttl)
}

// kept returns the lifetime of what replaces a value that expires then.
func (l lifetime) kept(then time.Time) lifetime {
	if l.keep {
		l.until, l.fixed, l.keep = then, true, false
	}
	return l
}

// from returns when a value stored now expires, and in what time; both are zero
// for never.
func (l lifetime) from(now time.Time) (expiry time.Time, ttl time.Duration) {
	switch {
	case !l.fixed && l.ttl > 0:
		return now.Add(l.ttl), l.ttl
	case !l.fixed, l.until.IsZero():
		return time.Time{}, 0
	}
	// for what is over already, not for good
	return l.until, max(l.until.Sub(now), 1)
}

var errKeepUnread = errors.New("KeepTTL needs to read before it writes, which a batch cannot")

func (o StoreOption) load(l *loading) { l.life = append(l.life, o) }
