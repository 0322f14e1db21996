package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
	"github.com/Zezezknight/cryptomem/sealing"
)

// proxyFreshness asks what the upstream could take back.
func proxyFreshness(_ context.Context, r *proxyReport) {
	const subject = "freshness"
	c := r.Config
	versions := "values of both envelope versions are opened"
	if c.StampedOnly {
		versions = "values of envelope version 0xC2 alone are opened"
	}
	if c.Freshness {
		r.fine(subject, "what the upstream takes back is noticed, with clocks that differ by %s at most and writes that take %s; %s",
			quantity.FormatDuration(c.ClockBound), quantity.FormatDuration(c.WriteDelay), versions)
	} else {
		r.found(Warning, subject, "off: the upstream can serve what was replaced or removed, as long as it has not expired; "+versions,
			"set freshness: true, unless the upstream answers from replicas that lag behind")
	}
	r.cut(c.NotBefore, r.keyCut, c.ClockBound)
	if cut := later(c.NotBefore, r.keyCut); !cut.IsZero() && c.EnvelopeVersion == config.EnvelopeUnstamped {
		r.found(Problem, "cut", "what this proxy writes does not say when it was sealed, and is not opened again", "set envelope_version: 0xC2")
	}
}

// clientCut asks whether something is no longer opened because of its age.
func clientCut(_ context.Context, v *clientReport) {
	own, err := v.Cut()
	if err != nil {
		v.found(Problem, "cut", err.Error(), "write the time so, or leave it out")
		v.unable = true
		return
	}
	var keys time.Time
	if v.keys != nil {
		keys = v.keys.NotBefore()
	}
	v.cut(own, keys, sealing.DefaultClockBound)
}

// cut says which cut there is, if any, and since when it holds.
func (r *findings) cut(own, keys time.Time, clockBound time.Duration) {
	cut := later(own, keys)
	if cut.IsZero() {
		return
	}
	from := "the key file"
	if cut.Equal(own) {
		from = "not_before"
	}
	state := "in force"
	if wait := cut.Add(clockBound).Sub(r.clk.Now()); wait > 0 {
		state = fmt.Sprintf("in force %s from now", quantity.FormatDuration(wait.Round(time.Second)))
	}
	r.fine("cut", "what was sealed before %s is not opened, says %s: %s", inUTC(cut), from, state)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
