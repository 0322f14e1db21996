//go:build unix && !linux

package snapshot

import "io/fs"

func replaceable(name string, info fs.FileInfo) error { return othersInSticky(name, info) }
