package main

import "github.com/coreos/go-systemd/v22/daemon"

// What systemd is told about the server (sd_notify(3)). Where there is no
// systemd, it is told to nobody.
const (
	ready     = daemon.SdNotifyReady
	reloading = daemon.SdNotifyReloading
	stopping  = daemon.SdNotifyStopping
	alive     = daemon.SdNotifyWatchdog
)

func notify(state string) {
	_, _ = daemon.SdNotify(false, state) // a service manager that cannot be reached is not the server's concern
}
