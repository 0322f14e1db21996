package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// A socket is a Unix socket that this server has made. Its file appears with no
// rights and gets its mode when it is in place, and Close removes it unless it
// now belongs to another process.
//
// Servers look at a path and take it over while they hold the lock of its
// directory. So of several that start at once, one takes the place of a socket
// that a killed server left behind, and none takes that of a socket that is
// listened on.
type socket struct {
	*net.UnixListener
	path string
	made os.FileInfo
	once sync.Once
	// err of closing.
	err error
}

// listenUnix makes the socket at path, with the mode that says who may connect. Where
// another server listens there it returns an error.
func listenUnix(ctx context.Context, path string, mode os.FileMode) (net.Listener, error) {
	unlock, err := lockDirectory(ctx, filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer unlock()
	l, err := listenWithoutRights(ctx, path)
	if errors.Is(err, syscall.EADDRINUSE) {
		if err := removeAbandoned(ctx, path); err != nil {
			return nil, err
		}
		l, err = listenWithoutRights(ctx, path)
	}
	if err != nil {
		return nil, err
	}
	s := &socket{UnixListener: l.(*net.UnixListener), path: path}
	// whatever is there by then
	s.SetUnlinkOnClose(false)
	if s.made, err = os.Lstat(path); err == nil {
		err = os.Chmod(path, mode)
	}
	if err != nil {
		s.remove()
		return nil, errors.Join(err, s.UnixListener.Close())
	}
	return s, nil
}

// Close removes the socket's file and stops listening. It may be called again.
func (s *socket) Close() error {
	s.once.Do(func() {
		// In that order: as long as it is listened on, no other server takes its
		// place, and no other file has its identity.
		s.remove()
		s.err = s.UnixListener.Close()
	})
	return s.err
}

// remove removes the file if it is the socket's own.
func (s *socket) remove() {
	if now, err := os.Lstat(s.path); err == nil && s.made != nil && os.SameFile(now, s.made) {
		// the next start does, if this cannot
		_ = os.Remove(s.path)
	}
}

// removeAbandoned removes the socket that a killed server left at path: it is
// there, and no server answers. One that its server removes meanwhile is gone, too.
func removeAbandoned(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != os.ModeSocket {
		return errors.New("the name is in use by a file that is no socket")
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		_ = conn.Close()
		return errors.New("it is in use: another server answers there")
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("it is in use, and it is not known by whom: %w", err)
	}
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
