package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// privateMode is the owner's alone.
const privateMode = 0o600

// Create writes a new file that only its owner may access, and syncs it to disk. If
// the file exists it fails with fs.ErrExist. On any other error it removes the file.
func Create(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, privateMode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return finish(OS, f, err, name, false)
}

// A Mode selects the owner and the access mode of the file that Replace makes.
type Mode int

const (
	// Private makes it this process's, and only its owner may access it.
	Private Mode = iota
	// Alike gives it the owner, the group and the mode of the file that it replaces,
	// or fails; where there is none, or one that everyone may access, its mode is as
	// of a Private one. A link stays, and what it leads to is replaced.
	Alike
)

// Replace puts a file that write fills in the place of the one of that name, in one
// step: a reader finds the old file or the new one, whole, and so does one that
// comes after a crash. When it fails the old one stays. Meanwhile a file with a
// random name, which ends with ".tmp", is beside it.
func Replace(name string, mode Mode, write func(*os.File) error) error {
	if mode == Alike {
		if target, err := filepath.EvalSymlinks(name); err == nil {
			name = target
		}
	}
	// its mode is private
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*.tmp")
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil && mode == Alike {
		err = likeThat(f, name)
	}
	return finish(OS, f, err, name, false)
}

// ReplaceThrough is a Private Replace on any disk, by way of a file with a known name,
// which it removes if another process left it: written to, that would keep its mode,
// and a link would lead elsewhere. Two at once must not share it. Where the new file is whole
// and only could not take the old one's place, an os.LinkError, it stays there.
func ReplaceThrough(d Disk, temporary, name string, write func(io.Writer) error) error {
	if err := d.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := d.Create(temporary)
	if err != nil {
		return err
	}
	return finish(d, f, write(f), name, true)
}

func likeThat(f *os.File, name string) error {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	if err := alike(f, info); err != nil {
		return fmt.Errorf("replace %s: %w", name, err)
	}
	return nil
}

// finish makes what was written to f last under the name. Where that fails, or
// something before did, f is removed; but kept, if told so, where it is whole.
func finish(d Disk, f File, before error, name string, keep bool) error {
	err := before
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil && f.Name() != name {
		if err = d.Rename(f.Name(), name); err != nil && keep {
			return err
		}
	}
	if err != nil {
		return errors.Join(err, d.Remove(f.Name()))
	}
	// The name is on disk only once its folder is.
	return d.SyncFolder(filepath.Dir(name))
}
