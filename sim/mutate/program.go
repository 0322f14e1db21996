package mutate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

var (
	errHangs   = errors.New("hangs")
	errGreedy  = errors.New("takes all memory")
	errRefused = errors.New("cannot be looked at")
)

// Limits of what a program with a mutant in it may take: it may want all there
// is.
const (
	maxMemory = 4 << 30                // bytes
	lookEvery = 250 * time.Millisecond // how often that is looked at
)

// run runs a program to its end, and returns what it says.
func (t *Trial) run(dir string, limit time.Duration, env []string, bin string, args ...string) (string, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	c := exec.CommandContext(ctx, bin, args...) //nolint:gosec // G204: built a moment ago
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	endWhole(c)
	c.WaitDelay = 5 * time.Second
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		return "", err
	}
	over := make(chan struct{})
	go t.watch(c.Process.Pid, limit, over, cancel)
	err := c.Wait()
	close(over)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return said.String(), err
}

// watch ends a program that takes more than it may.
func (t *Trial) watch(pid int, limit time.Duration, over <-chan struct{}, end context.CancelCauseFunc) {
	began := t.Clock.Now()
	look := t.Clock.Ticker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-over:
			return
		case <-look.C:
		}
		switch used, err := resident(pid); {
		case t.Clock.Since(began) > limit:
			end(errHangs)
		case err == nil && used > maxMemory:
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
