//go:build unix

package snapshot

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// othersInSticky is about folders such as /tmp, where only the owner of a file, or of
// the folder, may replace it.
func othersInSticky(name string, info fs.FileInfo) error {
	dir, err := os.Stat(filepath.Dir(name))
	if err != nil || dir.Mode()&fs.ModeSticky == 0 {
		return nil
	}
	file, ok := info.Sys().(*syscall.Stat_t)
	folder, ok2 := dir.Sys().(*syscall.Stat_t)
	if user := os.Geteuid(); ok && ok2 && user != 0 && int(file.Uid) != user && int(folder.Uid) != user {
		return fmt.Errorf("%w: it is another user's, in a folder where everybody may only replace their own; choose another folder", ErrNotReplaceable)
	}
	return nil
}
