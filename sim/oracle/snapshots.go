package oracle

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"time"
)

// Snapshots are what a store held whenever it was saved, and so what may be in it
// after a crash. It is asked with what was loaded.
//
// They cannot see whether the file says the same as the store that was loaded from it.
type Snapshots struct {
	// saved is what may be on disk: the last save that was reported to be done, if
	// any, and those attempted since.
	saved []*Saved
	// Every one that was on disk, the oldest first.
	past []*Saved
	done bool
}

// Saved is what a store held at a time.
type Saved struct {
	Items map[string]SavedItem
}

// A SavedItem is one of its items.
type SavedItem struct {
	Value []byte
	// By the wall clock; zero: never.
	Expiry time.Time
	Owner  string
}

// Items returns what the model has, for Snapshots; owner says whose an item is. wall
// is the server's wall clock when its own shows now.
func (m *Model) Items(now int64, wall time.Time, owner func(key string) string) map[string]SavedItem {
	all := map[string]SavedItem{}
	for key, it := range m.items {
		if !it.visible(now) {
			continue
		}
		s := SavedItem{Value: bytes.Clone(it.value), Owner: owner(key)}
		if it.expiry != 0 {
			s.Expiry = wall.Add(time.Duration(it.expiry - now))
		}
		all[key] = s
	}
	return all
}

// Restore puts an item into the model as it was loaded.
func (m *Model) Restore(key string, value []byte, expiry int64) {
	it := &item{live: true, value: value, expiry: expiry}
	m.items[key] = it
	m.counts.Sets++ // as which it is counted
	m.made++
	m.change(it)
}

// Saving notes that a save of these items begins.
func (s *Snapshots) Saving(items map[string]SavedItem) {
	s.saved = append(s.saved, &Saved{items})
}

// Ended notes how the save ended, and judges that: one that the disk failed must not
// be reported as done, and no other as failed.
func (s *Snapshots) Ended(err error, broken bool) *Violation {
	last := s.saved[len(s.saved)-1]
	switch {
	case err == nil && broken:
		return violation(RuleSnapshot, "a save was reported as done, and its disk has failed")
	case err != nil && !broken:
		return violation(RuleSnapshot, "a save has failed, and its disk has not: %v", err)
	case err == nil:
		s.done = true
		s.saved = []*Saved{last}
		s.past = append(s.past, last)
	}
	return nil
}

// BroughtBack notes that the file of an earlier save, counted from 0, has taken the
// place of what is there.
func (s *Snapshots) BroughtBack(which int) {
	s.saved, s.done = []*Saved{s.past[which]}, true
}

// Saves returns how many saves were done.
func (s *Snapshots) Saves() int { return len(s.past) }

// Loaded judges what is in a store after a crash, when the wall clock shows now. What
// belonged to an identity that is not listed any more has no owner. If the file was
// damaged, items may be missing, and so may those of owners that were refused some. It
// returns what was loaded.
func (s *Snapshots) Loaded(now time.Time, items map[string]SavedItem, listed, refused func(owner string) bool, damaged bool) (*Saved, *Violation) {
	var loaded *Saved
	// Saves that differ only in owners who are not listed now, and may be again.
	var alike []*Saved
	for _, c := range slices.Backward(s.saved) {
		missing, ok := c.explains(now, items, listed)
		if !ok || !damaged && slices.ContainsFunc(missing, func(owner string) bool { return !refused(owner) }) {
			continue
		}
		if loaded == nil && len(missing) > 0 {
			return c, nil
		}
		if len(missing) == 0 {
			loaded = cmp.Or(loaded, c)
			alike = append(alike, c)
		}
	}
	if loaded != nil {
		slices.Reverse(alike)
		s.saved, s.done = alike, true
		return loaded, nil
	}
	if !s.done && len(items) == 0 {
		s.saved = nil
		return nil, nil
	}
	detail := "nothing was saved"
	if n := len(s.saved); n > 0 {
		detail = s.saved[n-1].difference(now, items)
	}
	return nil, violation(RuleSnapshot, "%d items were loaded that are those of no save: %s", len(items), detail)
}

// alive returns what of it is not past its expiry.
func (c *Saved) alive(now time.Time) map[string]SavedItem {
	all := maps.Clone(c.Items)
	maps.DeleteFunc(all, func(_ string, it SavedItem) bool { return !it.Expiry.IsZero() && !now.Before(it.Expiry) })
	return all
}

// explains reports whether all of the items are from this save, and returns the owners
// of those that are missing.
func (c *Saved) explains(now time.Time, items map[string]SavedItem, listed func(string) bool) (missing []string, ok bool) {
	alive := c.alive(now)
	for key, was := range alive {
		if !listed(was.Owner) {
			was.Owner = ""
		}
		it, there := items[key]
		if !there {
			missing = append(missing, was.Owner)
		} else if !was.same(it) {
			return nil, false
		}
	}
	return missing, len(items) == len(alive)-len(missing)
}

func (c *Saved) difference(now time.Time, items map[string]SavedItem) string {
	alive := c.alive(now)
	for _, key := range slices.Sorted(maps.Keys(alive)) {
		if it, ok := items[key]; !ok {
			return violation("", "the latest had %q", key).Detail
		} else if !alive[key].same(it) {
			return violation("", "%q is %s until %v, was %s until %v", key, brief(it.Value), it.Expiry, brief(alive[key].Value), alive[key].Expiry).Detail
		}
	}
	return violation("", "the latest had %d", len(alive)).Detail
}

func (i SavedItem) same(o SavedItem) bool {
	return bytes.Equal(i.Value, o.Value) && i.Expiry.Equal(o.Expiry) && i.Owner == o.Owner
}

// Owner returns the owner of the item under a key, empty for none.
func (l *Accounts) Owner(key string) string {
	if l == nil || l.items[key] == nil {
		return ""
	}
	return l.items[key].owner
}

// Restore charges an item as it was loaded.
func (l *Accounts) Restore(owner, key string, size int, expiry int64) {
	l.items[key] = &charged{owner, int64(ItemCost + len(key) + size), expiry}
}
