package snapshot

import (
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// replaceable asks for what lets no rename put another file in place of this one.
func replaceable(name string, info fs.FileInfo) error {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, name, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS, &st)
	switch is := func(attribute uint64) bool { return err == nil && st.Attributes&st.Attributes_mask&attribute != 0 }; {
	case is(unix.STATX_ATTR_MOUNT_ROOT):
		return fmt.Errorf("%w: the file is a mount of its own; mount its directory instead", ErrNotReplaceable)
	case is(unix.STATX_ATTR_IMMUTABLE), is(unix.STATX_ATTR_APPEND):
		return fmt.Errorf("%w: the file may not be changed; chattr -i -a %s", ErrNotReplaceable, name)
	}
	return othersInSticky(name, info)
}
