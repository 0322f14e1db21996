package mutate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

var (
	errHangs   = errors.New("hangs")
	errSpins   = errors.New("goes round and round")
	errGreedy  = errors.New("takes all memory")
	errRefused = errors.New("cannot be looked at")
)

// Limits of what a program with a mutant in it may take: it may want all there
// is.
const (
	maxMemory = 4 << 30                // bytes
	lookEvery = 250 * time.Millisecond // how often that is looked at
)

// A cost is what a program takes: time, and time of processors, which does not
// depend on what else runs. As a limit, no time of processors is any.
type cost struct{ time, cpu time.Duration }

// unhurried is how long a program may take if nothing is known about it yet.
var unhurried = cost{time: 10 * time.Minute}

// limit is what a program may take that takes so much without a mutant.
func (t *Trial) limit(without cost) cost {
	return cost{t.Grace + 10*without.time, t.Grace/4 + 5*without.cpu}
}

// run runs a program to its end, and returns what it says and takes.
func (t *Trial) run(dir string, limit cost, env []string, bin string, args ...string) (string, cost, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	c := exec.CommandContext(ctx, bin, args...) //nolint:gosec // G204: built a moment ago
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	endWhole(c)
	c.WaitDelay = 5 * time.Second
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	began := t.Clock.Now()
	if err := c.Start(); err != nil {
		return "", cost{}, err
	}
	over := make(chan struct{})
	go t.watch(c.Process.Pid, limit, over, cancel)
	err := c.Wait()
	close(over)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	took := cost{t.Clock.Since(began), c.ProcessState.UserTime() + c.ProcessState.SystemTime()}
	return said.String(), took, err
}

// watch ends a program that takes more than it may.
func (t *Trial) watch(pid int, limit cost, over <-chan struct{}, end context.CancelCauseFunc) {
	began := t.Clock.Now()
	look := t.Clock.Ticker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-over:
			return
		case <-look.C:
		}
		if t.Clock.Since(began) > limit.time {
			end(errHangs)
		}
		if used, err := processorTime(pid); err == nil && limit.cpu > 0 && used > limit.cpu {
			end(errSpins)
		}
		if used, err := resident(pid); err == nil && used > maxMemory {
			end(errGreedy)
		}
	}
}

// resident is how much memory a process has, in bytes.
func resident(pid int) (int64, error) {
	text, err := readText(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	var size, pages int64
	if n, err := fmt.Sscan(text, &size, &pages); err != nil || n < 2 {
		return 0, errRefused
	}
	return pages * int64(os.Getpagesize()), nil
}

// processorTime is how much time of processors a process has taken.
func processorTime(pid int) (time.Duration, error) {
	text, err := readText(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// Its name, in brackets, may hold anything.
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0, errRefused
	}
	user, err := strconv.Atoi(fields[11])
	system, also := strconv.Atoi(fields[12])
	const tick = time.Second / 100
	return time.Duration(user+system) * tick, errors.Join(err, also)
}
