//go:build unix

package mutate

import (
	"os/exec"
	"syscall"
)

// endWhole has c, and all that it starts, end with its context.
func endWhole(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}
