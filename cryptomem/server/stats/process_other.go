//go:build !linux

package stats

import "time"

func readSystem() (resident int64, cpu time.Duration, maxFiles uint64) { return 0, 0, 0 }
