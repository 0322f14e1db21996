package sim

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/Zezezknight/cryptomem/sealing/safefile"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// A disk is a server's, and breaks as a script says. What was not synced, a crash
// takes away: a file keeps some beginning of it, and a name may lead where it led
// before.
type disk struct {
	w      *world
	names  map[string]*inode
	lasted map[string]*inode // the names that a crash leaves

	room    int         // bytes that it still takes; negative: any number
	fails   script.Verb // the next write, sync or rename fails
	crashAt int         // operations that change something until everything stops; 0: never
	stopped bool
	broken  bool        // an operation has failed since the flag was cleared
	struck  script.Verb // by which fault
	during  string      // what was under way when it stopped
}

// An inode is a file's content.
type inode struct {
	data []byte
	// Bytes of it that last.
	synced int
	// It is not as it was written.
	damaged bool
}

var (
	errDiskFull    = errors.New("no space left on device")
	errDiskBroken  = errors.New("input/output error")
	errDiskStopped = errors.New("the machine has stopped")
)

func newDisk(w *world) *disk {
	return &disk{w: w, names: map[string]*inode{}, lasted: map[string]*inode{}, room: -1}
}

var _ safefile.Disk = (*disk)(nil)

// step is an operation that changes something. The error is why it does not.
func (d *disk) step(what string, failing script.Verb) error {
	switch {
	case d.stopped:
		return errDiskStopped
	case d.crashAt == 1:
		d.stopped, d.broken, d.during, d.crashAt = true, true, what, 0
		return errDiskStopped
	case d.crashAt > 1:
		d.crashAt--
	}
	if failing != 0 && d.fails == failing {
		d.fails, d.broken, d.struck = 0, true, failing
		return errDiskBroken
	}
	return nil
}

// Create implements safefile.Disk.
func (d *disk) Create(name string) (safefile.File, error) {
	if d.names[name] != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	if err := d.step("create", 0); err != nil {
		return nil, err
	}
	file := &inode{}
	d.names[name] = file
	return &diskFile{d, name, file}, nil
}

// Open implements safefile.Disk.
func (d *disk) Open(name string) (safefile.File, int64, error) {
	file := d.names[name]
	if file == nil {
		return nil, 0, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &diskFile{d, name, file}, int64(len(file.data)), nil
}

// Rename implements safefile.Disk.
func (d *disk) Rename(from, to string) error {
	if err := d.step("rename", script.FailRename); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	d.names[to] = d.names[from]
	delete(d.names, from)
	return nil
}

// Remove implements safefile.Disk.
func (d *disk) Remove(name string) error {
	if d.names[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	if err := d.step("remove", 0); err != nil {
		return err
	}
	delete(d.names, name)
	return nil
}

// SyncFolder implements safefile.Disk.
func (d *disk) SyncFolder(string) error {
	if err := d.step("sync of the folder", script.FailSync); err != nil {
		return err
	}
	d.lasted = maps.Clone(d.names)
	return nil
}

// crash takes away what does not last.
func (d *disk) crash(draw uint64) {
	if draw&1 == 0 {
		d.names = maps.Clone(d.lasted) // none of the names that were given since
	}
	for i, name := range slices.Sorted(maps.Keys(d.names)) {
		file := d.names[name]
		if rest := len(file.data) - file.synced; rest > 0 {
			kept := int(script.Draw(draw, uint64(i)) % uint64(rest+1))
			file.data = file.data[:file.synced+kept]
		}
		file.synced = len(file.data)
	}
	d.lasted = maps.Clone(d.names)
	d.stopped, d.crashAt, d.fails = false, 0, 0
}

// A diskFile is an open file.
type diskFile struct {
	d    *disk
	name string
	file *inode
}

// Name implements safefile.File.
func (f *diskFile) Name() string { return f.name }

// Write implements io.Writer. One that fails has written a part.
func (f *diskFile) Write(b []byte) (int, error) {
	d, n := f.d, len(b)
	err := d.step("write", script.FailWrite)
	if err != nil {
		n = len(b) / 2
	}
	if d.room >= 0 {
		if n > d.room {
			n, err, d.broken, d.struck = d.room, errDiskFull, true, script.DiskFull
		}
		d.room -= n
	}
	f.file.data = append(f.file.data, b[:n]...)
	return n, err
}

// ReadAt implements io.ReaderAt.
func (f *diskFile) ReadAt(b []byte, offset int64) (int, error) {
	if offset >= int64(len(f.file.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.file.data[offset:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// Sync implements safefile.File.
func (f *diskFile) Sync() error {
	if err := f.d.step("sync", script.FailSync); err != nil {
		return err
	}
	f.file.synced = len(f.file.data)
	return nil
}

// Close implements io.Closer.
func (f *diskFile) Close() error { return nil }
