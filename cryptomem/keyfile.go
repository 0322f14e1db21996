package cryptomem

import (
	"fmt"
	"os"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/sealing"
)

// KeyFileInterval is how often a client checks whether its key file has changed.
const KeyFileInterval = 10 * time.Second

// A KeyObserver is an Observer that is also notified when the file of WithKeyFile is
// read again.
type KeyObserver interface {
	Observer

	// Rekeyed is called when the file has changed, with nil once its keys are in use.
	// With an error the client keeps its keys, and tries again after KeyFileInterval.
	Rekeyed(err error)
}

// WithKeyFile seals and opens with the keys in a file made by "cryptomem keygen". A key
// that is added, promoted or retired in the file takes effect within KeyFileInterval,
// in every process that reads the file. A KeyObserver is notified.
func WithKeyFile(path string) Option {
	return func(o *options) error {
		f := &keyFile{path: path}
		kr, err := f.read()
		if err != nil {
			return fmt.Errorf("WithKeyFile: %w", err)
		}
		o.keyring, o.ownKeyring, o.keyFile = kr, true, f
		return nil
	}
}

// A keyFile is a key file and its state when it was last read, nil if it could not be.
type keyFile struct {
	path string
	seen os.FileInfo
}

// read reads the file and remembers which one it was.
func (f *keyFile) read() (*sealing.Keyring, error) {
	f.seen = nil
	// before reading: what changes meanwhile is read again
	seen, err := os.Stat(f.path)
	if err != nil {
		return nil, err
	}
	kr, err := sealing.ReadKeyFile(f.path)
	if err == nil {
		f.seen = seen
	}
	return kr, err
}

// changed reports whether the path may have other keys now. A link, as Kubernetes
// changes it to replace a secret, is followed.
func (f *keyFile) changed() bool {
	now, err := os.Stat(f.path)
	return err != nil || f.seen == nil || !os.SameFile(now, f.seen) || now.Size() != f.seen.Size() || !now.ModTime().Equal(f.seen.ModTime())
}

// followKeyFile loads the file's keys whenever it has changed, until the client is
// closed.
func (c *Client) followKeyFile(f *keyFile, ticker *clock.Ticker) {
	defer ticker.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-ticker.C:
		}
		if !f.changed() {
			continue
		}
		kr, err := f.read()
		if err == nil {
			err = c.Rekey(kr)
			// the sealer has derived what it needs
			_ = kr.Close()
		}
		if o, ok := c.opts.observer.(KeyObserver); ok {
			o.Rekeyed(err)
		}
	}
}
