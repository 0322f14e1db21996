package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cache"
	"github.com/Zezezknight/cryptomem/sealing/safefile"
)

// scanBudget is what is copied while a shard's lock is held, in bytes: little
// enough that a request that waits for it does not notice.
const scanBudget = 32 << 10

// Saved says what Save wrote.
type Saved struct {
	Items uint64
	Bytes int64
	Took  time.Duration
}

// temporarySuffix is appended to a snapshot's path while it is written.
const temporarySuffix = ".tmp"

// Save writes the unexpired items of c to path and replaces what was there.
// When it fails, or ctx ends, the old file stays. Meanwhile it uses path with
// ".tmp" appended, so two processes must not share a path; see Acquire. That file
// stays when it is whole and only could not replace the old one; see Probe.
func Save(ctx context.Context, path string, c *cache.Cache, clk clock.Clock) (Saved, error) {
	return SaveOn(ctx, safefile.OS, path, c, clk)
}

// SaveOn is Save on a disk other than the machine's.
func SaveOn(ctx context.Context, d safefile.Disk, path string, c *cache.Cache, clk clock.Clock) (Saved, error) {
	temporary := path + temporarySuffix
	var saved Saved
	err := safefile.ReplaceThrough(d, temporary, path, func(f io.Writer) (err error) {
		saved, err = save(ctx, f, c, clk)
		return err
	})
	switch unplaced := (*os.LinkError)(nil); {
	case errors.As(err, &unplaced):
		return Saved{}, fmt.Errorf("save snapshot: it is whole, and stays as %s until the next save: %w", temporary, err)
	case err != nil:
		return Saved{}, fmt.Errorf("save snapshot: %w", err)
	}
	return saved, nil
}

func save(ctx context.Context, f io.Writer, c *cache.Cache, clk clock.Clock) (Saved, error) {
	begin := clk.Now()
	w, err := NewWriter(f, begin)
	for cursor := uint64(0); err == nil; {
		now, wall := c.Now(), clk.Now().UnixNano()
		var failed error
		cursor = c.Scan(now, cursor, scanBudget, func(it cache.Item) {
			item := Entry{Key: it.Key, Value: it.Value, Expiry: expiryAt(wall, it.TTL), Account: []byte(it.Account)}
			if it.Large == nil {
				w.Append(item)
			} else if failed == nil {
				failed = errors.Join(ctx.Err(), w.WriteLarge(item, it.Large))
			}
		})
		if err = failed; err != nil {
			break
		}
		if cursor == 0 {
			err = w.Close()
			break
		}
		if w.Full() {
			err = errors.Join(w.Flush(), ctx.Err())
		}
		// requests first: a step is short, a whole scheduler's slice is not
		runtime.Gosched()
	}
	return Saved{Items: w.total, Bytes: w.written, Took: clk.Since(begin)}, err
}

// Loaded says what Load found and did.
type Loaded struct {
	Summary
	// Created is when the snapshot was taken.
	Created time.Time
	// Items that are in the cache now, unless it had to evict some.
	Stored uint64
	// Items whose time was over.
	Expired uint64
	// Items that the cache did not take: too large now, or no room.
	Refused uint64
	Took    time.Duration
}

// Load stores the items of the snapshot at path in c, and charges them to the
// accounts that are open there; those of others to none. An error is
// fs.ErrNotExist if there is none, ErrEmpty, ErrFormat, ErrNotSnapshot, or one of
// reading, as which counts that ctx has ended; then, and when the file is not
// Whole, what could be loaded has been.
func Load(ctx context.Context, path string, c *cache.Cache, clk clock.Clock) (Loaded, error) {
	return LoadOn(ctx, safefile.OS, path, c, clk)
}

// LoadOn is Load from a disk other than the machine's.
func LoadOn(ctx context.Context, d safefile.Disk, path string, c *cache.Cache, clk clock.Clock) (Loaded, error) {
	var l Loaded
	begin := clk.Now()
	f, size, err := d.Open(path)
	if err != nil {
		return l, fmt.Errorf("load snapshot: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	err = l.load(fileUntil{ctx, f}, size, c, clk)
	l.Took = clk.Since(begin)
	if err != nil {
		return l, fmt.Errorf("load snapshot %s: %w", path, err)
	}
	return l, nil
}

// A fileUntil cannot be read once ctx has ended. A Reader reads block by block,
// so that it then soon ends too.
type fileUntil struct {
	ctx  context.Context
	file io.ReaderAt
}

func (f fileUntil) ReadAt(b []byte, offset int64) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, err
	}
	return f.file.ReadAt(b, offset)
}

func (l *Loaded) load(f io.ReaderAt, size int64, c *cache.Cache, clk clock.Clock) error {
	r, err := NewReader(f, size)
	if err != nil {
		return err
	}
	l.Created = r.Created
	// If the clock was set back, the time that is left must not grow.
	wall := max(clk.Now().UnixNano(), r.Created.UnixNano())
	now := c.Now()
	owners := owners{all: c}
	l.Summary, err = r.Each(func(it Entry) {
		if it.Expiry != 0 && it.Expiry <= wall {
			l.Expired++
			return
		}
		ttl := time.Duration(0)
		if it.Expiry != 0 {
			ttl = time.Duration(it.Expiry - wall)
		}
		if err := store(owners.cacheFor(it.Account), now, it, ttl); err != nil {
			l.Refused++
			return
		}
		l.Stored++
	})
	return err
}

// store stores an item; a value that is read from the file goes piece by piece to
// its place.
func store(c *cache.Cache, now int64, it Entry, ttl time.Duration) error {
	if it.Large == nil {
		_, err := c.Set(now, it.Key, it.Value, ttl)
		return err
	}
	st, err := c.BeginUpload(it.Key, it.Large.Size())
	if err != nil {
		return err
	}
	defer st.Release()
	for st.Missing() > 0 {
		room, err := st.Buffer()
		if err != nil {
			return err
		}
		n, err := io.ReadFull(it.Large, room)
		st.Advance(n)
		if err != nil {
			return err
		}
	}
	_, err = st.Set(now, ttl)
	return err
}

// owners finds the accounts that items are charged to. It remembers the latest:
// items of one mostly come in a row.
type owners struct {
	all  *cache.Cache
	name []byte
	own  *cache.Cache
}

// cacheFor returns the cache that charges to the account of that name, and to
// to none where no such account is open: whatever the file says, it opens none.
func (o *owners) cacheFor(name []byte) *cache.Cache {
	if o.own == nil || !bytes.Equal(o.name, name) {
		o.name, o.own = append(o.name[:0], name...), o.all
		if account, ok := o.all.FindAccount(string(name)); ok {
			o.own = account.Cache()
		}
	}
	return o.own
}

// expiryAt returns when an item that has ttl left ends, as the format says it.
// An end beyond what it can say is never.
func expiryAt(wall int64, ttl time.Duration) int64 {
	if ttl == 0 || int64(ttl) > math.MaxInt64-wall {
		return 0
	}
	return wall + int64(ttl)
}
