package cli

import (
	"fmt"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
)

// Messages to systemd about the server (sd_notify(3)). Without systemd, notifications
// go nowhere.
const (
	ready    = systemd.SdNotifyReady
	stopping = systemd.SdNotifyStopping
	alive    = systemd.SdNotifyWatchdog
)

// notifyReloading reports when the reload began, by the clock that systemd's units of
// Type=notify-reload go by, where this system has it.
func notifyReloading() {
	state := systemd.SdNotifyReloading
	if usec, ok := monotonicUsec(); ok {
		state += fmt.Sprintf("\nMONOTONIC_USEC=%d", usec)
	}
	notify(state)
}

func notify(state string) {
	// a service manager that cannot be reached is not the server's concern
	_, _ = systemd.SdNotify(false, state)
}

// systemdExtension is what systemd is asked for while a snapshot is loaded or saved,
// twice in that time: however large it is, TimeoutStartSec and TimeoutStopSec
// need not know.
const systemdExtension = 30 * time.Second

// takingLong asks systemd for more time until done is called, and for the
// watchdog's sake says that the server is alive.
func takingLong() (done func()) {
	ask := func() { notify(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d\n%s", systemdExtension.Microseconds(), alive)) }
	ask()
	over := make(chan struct{})
	go func() {
		again := time.NewTicker(systemdExtension / 2)
		defer again.Stop()
		for {
			select {
			case <-over:
				return
			case <-again.C:
				ask()
			}
		}
	}()
	return func() { close(over) }
}
