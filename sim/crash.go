package sim

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/Zezezknight/cryptomem/cache"
	"github.com/Zezezknight/cryptomem/cryptomem/server/snapshot"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// snapshotPath is where servers save.
const snapshotPath = "/data/snapshot"

// A written is what a client sealed.
type written struct{ key, label string }

// keepsSnapshots reports whether a script has its server save.
func keepsSnapshots(s *script.Script) bool {
	for i := range s.Actions {
		if v := s.Actions[i].Verb; v == script.Save || v == script.SaveCrash {
			return true
		}
	}
	return false
}

// diskAct lets something happen to the server's disk, or to the server by it. It
// reports whether the action is of that kind.
func (s *node) diskAct(a *script.Action) bool {
	if !a.Verb.UsesDisk() {
		return false
	}
	d := s.disk
	if d == nil {
		return true // nothing is saved in this world
	}
	switch a.Verb {
	case script.Save:
		s.save()
	case script.SaveCrash:
		d.crashAt = a.Count
		s.save()
		s.crash(a)
	case script.Crash:
		s.crash(a)
	case script.DiskFull:
		d.room = a.Value.Size
	case script.FailWrite, script.FailSync, script.FailRename:
		d.fails = a.Verb
	case script.Rot, script.Shorten:
		s.damage(a)
	case script.BringBack:
		s.bringBack()
	}
	return true
}

// save has the product save a snapshot.
func (s *node) save() {
	w, d := s.w, s.disk
	if s.down {
		return
	}
	now := s.cache.Now()
	s.saves.Saving(s.model.Items(now, s.clk.Now(), s.accounts.Owner))
	before := s.saves.Saves()
	d.broken, d.struck, d.during = false, 0, ""
	_, err := snapshot.SaveOn(context.Background(), d, snapshotPath, s.cache, &s.clk)
	if v := s.saves.Ended(err, d.broken); v != nil {
		w.fail(v)
		return
	}
	switch {
	case err == nil:
		w.cover(StateSaved)
		if before > 0 {
			w.cover(StateSavedAgain)
		}
		s.past = append(s.past, bytes.Clone(d.names[snapshotPath].data))
	case d.struck == script.FailWrite:
		w.cover(StateShortWrite)
	case d.struck == script.DiskFull:
		w.cover(StateDiskFull)
		// the operator has made room
		d.room = -1
	case d.struck == script.FailSync:
		w.cover(StateSyncFailed)
	case d.struck == script.FailRename:
		w.cover(StateRenameFailed)
	}
	w.note(0, Info, "saved: %v", err)
}

// crash takes away the server, its store and what its disk has not made last.
func (s *node) crash(a *script.Action) {
	w, d := s.w, s.disk
	switch d.during {
	case "write":
		w.cover(StateCrashInWrite)
	case "rename":
		w.cover(StateCrashUnplaced)
	case "sync of the folder":
		w.cover(StateCrashUnsynced)
	}
	d.during = ""
	d.crash(script.Draw(w.script.Seed, uint64(w.now), 0xc4a5))
	w.cover(StateCrashed)
	s.restart(w.now + int64(a.TTL))
}

// damage spoils the file that is there.
func (s *node) damage(a *script.Action) {
	file := s.disk.names[snapshotPath]
	if file == nil || len(file.data) == 0 {
		return
	}
	draw := script.Draw(s.w.script.Seed, uint64(s.w.now), 0xda4a)
	if a.Verb == script.Shorten {
		file.data = file.data[:draw%uint64(len(file.data))]
		file.synced = len(file.data)
		s.w.cover(StateShortened)
	} else {
		bit := draw % uint64(8*len(file.data))
		file.data[bit/8] ^= 1 << (bit % 8)
		s.w.cover(StateRotten)
	}
	file.damaged = true
}

// bringBack puts the file of an earlier save in the place of what is there.
func (s *node) bringBack() {
	if len(s.past) == 0 {
		return
	}
	which := int(script.Draw(s.w.script.Seed, uint64(s.w.now), 0x01d) % uint64(len(s.past)))
	data := bytes.Clone(s.past[which])
	file := &inode{data: data, synced: len(data)}
	s.disk.names[snapshotPath], s.disk.lasted[snapshotPath] = file, file
	s.saves.BroughtBack(which)
	if which < len(s.past)-1 {
		s.w.cover(StateBroughtBack)
	}
}

// load has a server that starts load what was saved, and judges what is there then.
func (s *node) load() {
	w, damaged := s.w, false
	if file := s.disk.names[snapshotPath]; file != nil {
		damaged = file.damaged
	}
	loaded, err := snapshot.LoadOn(context.Background(), s.disk, snapshotPath, s.cache, &s.clk)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !damaged {
		w.violate(oracle.RuleSnapshot, "the file cannot be loaded: %v", err)
		return
	}
	now, wall := s.cache.Now(), s.clk.Now()
	items := map[string]oracle.SavedItem{}
	for cursor := uint64(0); ; {
		cursor = s.cache.Scan(now, cursor, 1<<20, func(it cache.Item) {
			saved := oracle.SavedItem{Value: bytes.Join(append([][]byte{it.Value}, it.Large...), nil), Owner: it.Account}
			if it.TTL != 0 {
				saved.Expiry = wall.Add(it.TTL)
			}
			items[string(it.Key)] = saved
		})
		if cursor == 0 {
			break
		}
	}
	refused := func(string) bool { return false }
	if s.accounts != nil && loaded.Refused > 0 {
		refused = s.accounts.Limited
	}
	from, v := s.saves.Loaded(wall, items, s.isListed, refused, damaged)
	if v != nil {
		w.fail(v)
		return
	}
	if damaged && len(items) > 0 && !loaded.Whole {
		w.cover(StateLoadedPart)
	}
	if len(items) > 0 {
		w.cover(StateLoaded)
		w.reverted = true
	}
	if from != nil && loaded.Expired > 0 {
		w.cover(StateLoadedExpired)
	}
	s.resume(now, wall.UnixNano(), items)
}

// isListed reports whether an owner has an account in a server that starts.
func (s *node) isListed(owner string) bool {
	return s.registry != nil && s.registry.entry(owner).listed
}

// resume lets the judges begin anew with what was loaded.
func (s *node) resume(now, wall int64, items map[string]oracle.SavedItem) {
	w := s.w
	w.eras = append(w.eras, w.history)
	w.history = nil
	at := s.clk.elapsed()
	for _, key := range slices.Sorted(maps.Keys(items)) {
		it := items[key]
		expiry, ttl := int64(0), int64(0)
		if !it.Expiry.IsZero() {
			ttl = it.Expiry.UnixNano() - wall
			expiry = now + ttl
		}
		s.model.Restore(key, it.Value, expiry)
		if s.accounts != nil {
			s.accounts.Restore(it.Owner, key, len(it.Value), expiry)
		}
		if from, ok := w.written[hashBytes(0, it.Value)]; ok {
			w.remember(oracle.Op{Verb: script.Set, Key: from.key, Label: from.label, TTL: time.Duration(ttl), Call: at, Return: at, Began: w.turn, Ended: w.turn, Outcome: oracle.Done})
		}
	}
}
