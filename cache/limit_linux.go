package cache

import (
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// machineMemory returns the memory this process may use: the least of the
// machine's, of every cgroup limit (v2 or v1) above it, and of what a limit of
// address space (RLIMIT_AS) leaves room for; 0 if unknown.
func machineMemory() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	limit := int64(info.Totalram) * int64(info.Unit)
	if space := spaceLeft(); space >= 0 {
		// The store reserves more address space than it fills.
		limit = min(limit, max(space-headroom, 256<<20)/3)
	}
	// Without the file only the machine's own memory counts.
	groups, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(groups)) {
		// hierarchy:controllers:path, with v2 as "0::path"
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		root, file := "/sys/fs/cgroup", "memory.max"
		if controllers != "" {
			if !strings.Contains(controllers, "memory") {
				continue
			}
			root, file = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		}
		for path != "" {
			limit = least(limit, root+path+"/"+file)
			path = path[:max(strings.LastIndexByte(path, '/'), 0)]
		}
		limit = least(limit, root+"/"+file)
	}
	return limit
}

// spaceLeft returns how much address space this process may still take, in bytes, or
// -1 if there is no limit (RLIMIT_AS).
func spaceLeft() int64 {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &limit) != nil || limit.Cur > math.MaxInt64 {
		return -1
	}
	// The first field is the size of the process's address space, in pages.
	var pages int64
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		first, _, _ := strings.Cut(string(text), " ")
		pages, _ = strconv.ParseInt(first, 10, 64)
	}
	return max(int64(limit.Cur)-pages*int64(os.Getpagesize()), 0)
}

// least lowers limit to the number in the file, if there is one.
func least(limit int64, file string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return limit
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	// "max" means no limit
	if err != nil || n <= 0 {
		return limit
	}
	return min(limit, n)
}
