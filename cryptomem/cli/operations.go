package cli

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem/server/admin"
	"github.com/Zezezknight/cryptomem/cryptomem/server/snapshot"
	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
)

// operations is what a service has for those who run it: a snapshot that
// survives restarts, and an admin listener to look in by.
type operations struct {
	service *service
	clk     clock.Clock
	about   stats.About
	// Why clients should not come, nil if they may.
	notReady atomic.Pointer[string]
	// lock on the snapshot's path, nil without a snapshot.
	lock *snapshot.Lock
	// keeper is nil without a snapshot.
	keeper *snapshot.Keeper
	admin  adminListener
	// Whether the last snapshot is being saved.
	ending atomic.Bool
}

func newOperations(s *service) *operations {
	clk := clock.New()
	version, _ := buildVersion()
	o := &operations{service: s, clk: clk, about: stats.About{
		Version: version, Addr: s.config.Addr, Started: clk.Now(),
	}}
	o.setReady("starting")
	return o
}

// setReady says why clients should not be sent here; empty means they may be.
func (o *operations) setReady(why string) {
	if why == "" {
		o.notReady.Store(nil)
		return
	}
	o.notReady.Store(&why)
}

func (o *operations) ready() error {
	if why := o.notReady.Load(); why != nil {
		return errors.New(*why)
	}
	return nil
}

// start opens the admin listener, loads the snapshot, and begins to keep it.
func (o *operations) start(ctx context.Context) (err error) {
	cfg := o.service.config
	if cfg.Snapshot != "" {
		if err := snapshot.Probe(cfg.Snapshot); err != nil {
			return err
		}
		if o.lock, err = snapshot.Acquire(cfg.Snapshot); err != nil {
			return err
		}
		o.keeper = snapshot.NewKeeper(cfg.Snapshot, cfg.SnapshotInterval, o.service.server.Cache(), o.clk, o.saved)
	}
	err = o.admin.open(ctx, cfg.Admin, cfg.UnixMode, admin.Config{
		Report: o.report, Ready: o.ready, Pprof: cfg.AdminPprof, Clock: o.clk, Logger: o.service.log,
	})
	if err != nil {
		return err
	}
	if o.keeper != nil {
		o.setReady("loading the snapshot")
		done := takingLong()
		err := o.load(ctx, cfg.Snapshot)
		done()
		if err != nil {
			return err
		}
		o.keeper.Start()
	}
	return nil
}

// load fills the store with what is whole of the snapshot. A file that is no
// snapshot stops the start: the first save would replace it.
func (o *operations) load(ctx context.Context, path string) error {
	log := o.service.log.With("file", path)
	l, err := snapshot.Load(ctx, path, o.service.server.Cache(), o.clk)
	if errors.Is(err, fs.ErrNotExist) {
		log.Info("no snapshot yet, the store begins empty")
		return nil
	}
	if errors.Is(err, snapshot.ErrEmpty) {
		log.Warn("the snapshot file is empty, the store begins empty")
		return nil
	}
	if err != nil {
		return err
	}
	level, message := slog.LevelInfo, "snapshot loaded"
	if !l.Whole {
		level, message = slog.LevelWarn, "snapshot is damaged; what is whole of it was loaded"
		if kept, err := keepDamaged(path); err != nil {
			log.Warn("the damaged snapshot is replaced by the next one: no copy could be kept", "error", err)
		} else {
			log = log.With("kept", kept)
		}
	}
	log.Log(ctx, level, message,
		"items", l.Stored, "expired", l.Expired, "refused", l.Refused, "lost_bytes", l.Lost,
		"taken", l.Created.Format(time.RFC3339), "took", short(l.Took))
	return nil
}

// keepDamaged gives the snapshot a second name, which the next save leaves alone,
// in place of what was kept before.
func keepDamaged(path string) (kept string, err error) {
	kept = path + ".damaged"
	if err := os.Remove(kept); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return kept, os.Link(path, kept)
}

func (o *operations) saved(s snapshot.Saved, err error) {
	if err != nil {
		o.service.log.Error("snapshot was not saved; the last one stays", "error", err)
		return
	}
	level := slog.LevelDebug
	if o.ending.Load() {
		level = slog.LevelInfo
	}
	o.service.log.Log(context.Background(), level, "snapshot saved", "items", s.Items, "bytes", s.Bytes, "took", short(s.Took))
}

// end saves the snapshot once more, when clients are gone, and closes the admin
// listener.
func (o *operations) end() error {
	var err error
	if o.keeper != nil {
		o.ending.Store(true)
		done := takingLong()
		// However long it takes: a second signal breaks it off.
		err = o.keeper.Close(context.Background())
		done()
		err = errors.Join(err, o.lock.Release())
	}
	return errors.Join(err, o.admin.close())
}

// abandon ends a start that has failed: it leaves no socket, and saves nothing.
func (o *operations) abandon() error {
	err := o.admin.close()
	if o.lock != nil {
		err = errors.Join(err, o.lock.Release())
	}
	return err
}

// report is everything that can be known about the server.
func (o *operations) report() *stats.Report {
	server := o.service.server
	r := &stats.Report{About: o.about, Server: server.Stats(), Cache: server.Cache().Stats(), Process: stats.ReadProcess()}
	r.About.Now = o.clk.Now()
	if o.keeper != nil {
		status := o.keeper.Status()
		r.Snapshot = &status
	}
	if o.service.identities != nil {
		r.Identities = o.service.identities.Use()
	}
	return r
}

// sections are what STATS answers in addition to the server's own two sections.
func (o *operations) sections() map[string]any {
	about := o.about
	about.Now = o.clk.Now()
	sections := map[string]any{"about": about, "process": stats.ReadProcess()}
	if o.keeper != nil {
		sections["snapshot"] = o.keeper.Status()
	}
	if o.service.identities != nil {
		sections["identities"] = o.service.identities.Use()
	}
	return sections
}
