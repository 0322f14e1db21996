package snapshot

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/Zezezknight/cryptomem/sealing/safefile"
)

// ErrNotReplaceable says that a save could not put its file in place of the one
// that is there, so that all would be lost at the end.
var ErrNotReplaceable = errors.New("a save could not replace it")

// Probe does at path what a save will do, but for the last step: it creates a file
// beside it, writes, syncs and renames that, and looks whether what is at path could
// be replaced. Nothing of it stays. An error says what is in the way, and what to do.
func Probe(path string) error {
	if err := checkPath(path); err != nil {
		return err
	}
	if err := probeBeside(path); err != nil {
		return fmt.Errorf("snapshot %s: nothing can be saved in %s: %w", path, filepath.Dir(path), err)
	}
	for _, name := range []string{path, path + temporarySuffix} {
		info, err := os.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		switch {
		case err != nil:
		case info.IsDir():
			err = fmt.Errorf("%w: it is a directory", ErrNotReplaceable)
		default:
			err = replaceable(name, info)
		}
		if err != nil {
			return fmt.Errorf("snapshot %s: %w", name, err)
		}
	}
	return nil
}

// checkPath asks whether there is a directory for the file, and no other thing in
// its place.
func checkPath(path string) error {
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("snapshot %s: there is no directory %s: %w", path, dir, fs.ErrNotExist)
	} else if err == nil && !info.IsDir() {
		return fmt.Errorf("snapshot %s: %w: %s is not a directory", path, fs.ErrInvalid, dir)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("snapshot %s: %w: it is %s, not a file", path, fs.ErrInvalid, kind(info.Mode()))
	}
	return nil
}

// probeBeside saves a file of one byte under another name.
func probeBeside(path string) error {
	name := path + ".probe-" + rand.Text()
	err := safefile.Replace(name, safefile.Private, func(f *os.File) error {
		_, err := f.Write([]byte{0})
		return err
	})
	// if it is there
	_ = os.Remove(name)
	return err
}
