package cli

import (
	"log/slog"

	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
)

// A reloadable is the configuration of a daemon that runs.
type reloadable[C any] interface {
	Changes(next *C) []config.ChangeOf[C]
	Reload(next *C) error
}

// reload takes up what next sets differently and can change while the daemon
// runs, has it applied, and reads all watched files again. It says what waits for a
// restart. A configuration that is wrong, or could not be read for err, changes
// nothing.
func reload[C any](d *daemon, running reloadable[C], next *C, err error, apply func()) {
	if err != nil {
		d.log.Error("reload: the configuration is wrong, nothing changes", "error", err)
		return
	}
	changes := running.Changes(next)
	if err := running.Reload(next); err != nil {
		d.log.Error("reload: the configuration conflicts with settings that need a restart, nothing changes", "error", err)
		return
	}
	logChanges(d.log, changes)
	apply()
	whole := true
	for _, f := range d.watched {
		whole = f.reloadNow() && whole
	}
	if !whole {
		d.log.Error("reload: incomplete, what failed stays as it was")
		return
	}
	d.log.Info("reload: done")
}

// logChanges says what is applied, and what waits for a restart.
func logChanges[C any](log *slog.Logger, changes []config.ChangeOf[C]) {
	for _, c := range changes {
		if c.Setting.Reload {
			log.Info("reload: changed", "setting", c.Setting.Name, "from", c.From, "to", c.To)
			continue
		}
		log.Warn("reload: needs a restart", "setting", c.Setting.Name, "running", c.From, "configured", c.To)
	}
}
