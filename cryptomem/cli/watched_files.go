package cli

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/sealing/safefile"
)

// watchInterval is how often files are looked at for changes.
const watchInterval = 5 * time.Second

// A watchedFiles is something that is kept in files and read again when they
// change. It is for one goroutine.
type watchedFiles struct {
	what   string
	files  []string
	reload func() error
	log    *slog.Logger

	// When they were last read, unless they could not be.
	applied fileState
	// seen at the last check.
	seen fileState
	// failure of the last attempt.
	failure string
}

// A fileState is of what the files hold, not of when they were written: one
// that is moved in place of another may be as long and as old. The zero value
// is no state of any files.
type fileState [sha256.Size]byte

// watchFiles begins to watch files. It comes before they are read for the first
// time, so that no change is missed.
func watchFiles(what string, log *slog.Logger, reload func() error, files ...string) *watchedFiles {
	f := &watchedFiles{what: what, files: files, reload: reload, log: log}
	f.applied = f.state()
	f.seen = f.applied
	return f
}

// state describes the files, of which one that cannot be read is its error.
func (f *watchedFiles) state() fileState {
	sum := sha256.New()
	for _, file := range f.files {
		if file == "" {
			continue // which is not configured
		}
		// the highest limit of all that are watched
		text, err := safefile.Read(file, access.MaxFileSize)
		fmt.Fprintf(sum, "%x %v\n", sha256.Sum256(text), err)
	}
	return fileState(sum.Sum(nil))
}

// check reads the files again if they have changed and are not being written
// any more, that is, have not changed since the last check. Files that
// could not be read are tried again, but the same error is logged once.
func (f *watchedFiles) check() {
	now := f.state()
	settled := now == f.seen
	f.seen = now
	if settled && now != f.applied {
		f.apply(now)
	}
}

// reloadNow reads the files now, and reports whether that succeeded.
func (f *watchedFiles) reloadNow() bool {
	f.failure = "" // who asks is told
	return f.apply(f.state())
}

func (f *watchedFiles) apply(now fileState) bool {
	err := f.reload()
	f.applied = now
	if err == nil {
		f.failure = ""
		f.log.Info("reload: "+f.what+" was read", "file", f.files[0])
		return true
	}
	problem := "is wrong, the old one stays"
	if unreadable := (*fs.PathError)(nil); errors.As(err, &unreadable) {
		problem = "cannot be read and is tried again, the old one stays"
		f.applied = fileState{}
	}
	if text := err.Error(); text != f.failure {
		f.failure = text
		f.log.Error("reload: "+f.what+" "+problem, "file", f.files[0], "error", err)
	}
	return false
}
