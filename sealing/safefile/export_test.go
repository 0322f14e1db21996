package safefile

import "io/fs"

// IsPrivate judges a mode of a file that belongs to user and group, for a process; for
// one that may read a file of anyone, if ofAny.
func IsPrivate(mode fs.FileMode, user, group int, ofAny bool, self int, groups ...int) bool {
	return private(mode, owner{user, []int{group}}, owner{self, groups}, ofAny)
}

// Finish is how every new file gets its name.
var Finish = finish
