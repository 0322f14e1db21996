package cryptomem

import (
	"errors"
	"time"

	"github.com/Zezezknight/cryptomem/sealing"
)

// A StoreOption sets for how long one value is stored or a lock held: TTL,
// ExpiresAt or KeepTTL. Without one, the client's default applies, except that
// Update and Increment keep the expiry of an existing value and Extend repeats the
// last duration. Of several options of a kind, the last counts.
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

// ExpiresAt makes the value expire at an instant; the zero Time means never. A
// value stored with an instant in the past is gone at once.
func ExpiresAt(t time.Time) StoreOption { return StoreOption{kind: untilInstant, until: t} }

// KeepTTL gives a value the expiry of the one that it replaces. If it replaces
// none, another option applies, or the client's default.
//
// The expiry is part of the seal, so the old value has to be read first: Set,
// Replace and CompareAndSwap take one more round trip. A batch refuses KeepTTL.
func KeepTTL() StoreOption { return StoreOption{kind: untilThen} }

// A lifetime is the combined options of one call.
type lifetime struct {
	ttl time.Duration
	// When it ends, instead of ttl, if fixed is set.
	until time.Time
	fixed bool
	// Keep the expiry of the value that is replaced, if there is one.
	keep bool
	// An option other than KeepTTL was given.
	given bool

	// The stored value is the existing one, which keeps its sealing time.
	resealed bool
	// When the existing value was sealed.
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

// from returns when a value stored now expires, and how long that is from now; both
// are zero for never.
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
