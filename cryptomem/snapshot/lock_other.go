//go:build !unix

package snapshot

import "os"

func setLock(*os.File) error { return nil }

func lockHolder(*os.File) (pid int, err error) { return 0, nil }
