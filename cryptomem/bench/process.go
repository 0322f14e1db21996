package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// clockTick is the unit of CPU times under /proc: USER_HZ, which Linux
// has fixed at 100 a second.
const clockTick = time.Second / 100

// ProcessCPU returns the CPU time that a process has used, in user and
// system mode, to a hundredth of a second. It works where there is a Linux
// /proc; the process must be on this machine.
func ProcessCPU(pid int) (time.Duration, error) {
	name := fmt.Sprintf("/proc/%d/stat", pid)
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, fmt.Errorf("CPU time of a process: %w", err)
	}
	ticks, err := parseStat(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return time.Duration(ticks) * clockTick, nil
}

// ProcessMemory returns the memory that a process has resident, in
// bytes. It works where there is a Linux /proc; the process must be on this
// machine.
func ProcessMemory(pid int) (int64, error) {
	name := fmt.Sprintf("/proc/%d/statm", pid)
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, fmt.Errorf("memory of a process: %w", err)
	}
	// size, resident, shared, ...
	fields := bytes.Fields(text)
	if len(fields) < 3 {
		return 0, fmt.Errorf("%s: too few fields", name)
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// parseStat returns fields 14 and 15, utime and stime, added up. See proc(5).
// The second field is a name in parentheses, which may hold anything.
func parseStat(text []byte) (ticks int64, err error) {
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	const utime, stime = 14 - 3, 15 - 3
	if len(fields) <= stime {
		return 0, errors.New("too few fields")
	}
	for _, field := range [][]byte{fields[utime], fields[stime]} {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("CPU time %q is not a number", field)
		}
		ticks += n
	}
	return ticks, nil
}
