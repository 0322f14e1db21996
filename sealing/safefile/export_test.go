package safefile

import "io/fs"

// IsPrivate judges a mode of a file that belongs to user and group, for a process.
func IsPrivate(mode fs.FileMode, user, group, self int, groups ...int) bool {
	return private(mode, owner{user, []int{group}}, owner{self, groups})
}
