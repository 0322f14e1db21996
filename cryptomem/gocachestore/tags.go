package gocachestore

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/eko/gocache/lib/v4/store"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// DefaultTagsTTL is how long a tag lives without store.WithTagsTTL. Values end
// with their tags.
const DefaultTagsTTL = 30 * 24 * time.Hour

// A tag is a name with a mark that is drawn when the tag comes up. A value keeps
// the marks of its tags, and counts as long as they are what the store has. So to
// invalidate a tag is to delete one item, however many values have it; and a
// value that was on its way then has the old mark, and never counts.
type tag struct{ name, mark string }

// Invalidate has no value any more that was set with one of the tags of
// store.WithInvalidateTags. It happens even if ctx has ended.
func (s *Store) Invalidate(ctx context.Context, options ...store.InvalidateOption) error {
	var errs []error
	for _, name := range store.ApplyInvalidateOptions(options...).Tags {
		_, err := s.values.Forget(ctx, tagName(name))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// mark returns the tags of those names with the marks that they have, or get.
func (s *Store) mark(ctx context.Context, names []string, ttl time.Duration) ([]tag, error) {
	if ttl == 0 {
		ttl = DefaultTagsTTL
	}
	tags := make([]tag, len(names))
	for i, name := range names {
		mark, found, err := s.values.Get(ctx, tagName(name))
		if err == nil && !found {
			mark, err = s.draw(ctx, name, ttl)
		}
		if err != nil {
			return nil, err
		}
		tags[i] = tag{name, string(mark)}
	}
	return tags, nil
}

// draw gives a tag a mark, or returns the one that another client gave it just
// now. A mark that cannot be opened is replaced.
func (s *Store) draw(ctx context.Context, name string, ttl time.Duration) ([]byte, error) {
	bounded, cancel := s.values.Bound(ctx)
	defer cancel()
	mark := []byte(rand.Text())
	err := s.values.Client().Add(bounded, s.values.Name(tagName(name)), mark, cryptomem.TTL(ttl))
	if !errors.Is(err, cryptomem.ErrExists) {
		return mark, err
	}
	other, found, err := s.values.Get(ctx, tagName(name))
	if err != nil || found {
		return other, err
	}
	return mark, s.values.Set(ctx, tagName(name), mark, ttl)
}

// current reports whether the store still has the tags' marks.
func (s *Store) current(ctx context.Context, tags []tag) (bool, error) {
	for _, t := range tags {
		mark, found, err := s.values.Get(ctx, tagName(t.name))
		if err != nil || !found || string(mark) != t.mark {
			return false, err
		}
	}
	return true, nil
}

func tagName(name string) string { return "t" + name }
