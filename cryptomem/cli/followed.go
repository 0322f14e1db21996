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

// A followed is something that is kept in files and read again when they
// change. It is for one goroutine.
type followed struct {
	what   string
	files  []string
	reload func() error
	log    *slog.Logger

	applied fileState // when they were last read, unless they could not be
	seen    fileState // at the last look
	failure string    // of the last attempt
}

// A fileState is of what the files hold, not of when they were written: one
// that is moved in place of another may be as long and as old. The zero value
// is no state of any files.
type fileState [sha256.Size]byte

// follow begins to watch files. It comes before they are read for the first
// time, so that no change is missed.
func follow(what string, log *slog.Logger, reload func() error, files ...string) *followed {
	f := &followed{what: what, files: files, reload: reload, log: log}
	f.applied = f.state()
	f.seen = f.applied
	return f
}

// state describes the files, of which one that cannot be read is its error.
func (f *followed) state() fileState {
	sum := sha256.New()
	for _, file := range f.files {
		if file == "" {
			continue // which is not configured
		}
		text, err := safefile.Read(file, access.MaxFileSize) // the highest limit of all that are followed
		fmt.Fprintf(sum, "%x %v\n", sha256.Sum256(text), err)
	}
	return fileState(sum.Sum(nil))
}

// look reads the files again if they have changed and nobody is writing them
// any more, that is, if they have not changed since the last look. Files that
// could not be read are tried again, but the same error is logged once.
func (f *followed) look() {
	now := f.state()
	settled := now == f.seen
	f.seen = now
	if settled && now != f.applied {
		f.apply(now)
	}
}

// again reads the files now, and reports whether that succeeded.
func (f *followed) again() bool {
	f.failure = "" // whoever asks is told
	return f.apply(f.state())
}

func (f *followed) apply(now fileState) bool {
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
