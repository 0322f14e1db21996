package sim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/Zezezknight/cryptomem/sim/kernel"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/serve"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// maxGuests is how many guests a run may have.
const maxGuests = 4

// A guest is a peer that speaks the protocol by hand, beside the script's clients. It
// sends pings, whose answers it knows to the byte, and then ends in one of the ways in
// which peers end, or does not end at all: then the server has to, in time.
type guest struct {
	sh    *shell
	index int
	end   guestEnd
	begin time.Duration
	peer  *kernel.Peer
	dice  *script.Dice

	// What it sends before its end, and what has to be answered to that.
	says, answers []byte
	// Where in each of them the pings and their answers end.
	bounds [][2]int
	// Bytes of answers that it gets although the server ends.
	due int
	// How much it reads at a time, in bytes.
	gulp int
	// What it has read, and when it was answered last.
	heard    []byte
	answered time.Time
	// When it has sent all that it will.
	quiet time.Time
}

// A guestEnd is how a guest ends.
type guestEnd uint8

const (
	guestFinishes guestEnd = iota // its half of the connection, and reads on
	guestIdles                    // and the server has to end it
	guestTears                    // sends a part of a request and no more
	guestBabbles                  // sends what is no request
	guestResets
	guestUploads // a part of a large value, and resets
	guestIsDeaf  // reads none of the answers until the server has ended it
	guestEnds
	guestAwaitsEnd = guestIdles + 0x80 // as the server's, when it shuts down; not drawn
)

// invite draws the guests of a run. Where the server may refuse them for who they are,
// or for memory, there are none.
func (sh *shell) invite() {
	if sh == nil {
		return
	}
	c := &sh.b.script.Config
	if sh.orderly() || c.Refuses() {
		return
	}
	d := script.NewDice(script.Draw(sh.seed, 0x6e57))
	for i := range d.Below(maxGuests + 1) {
		g := &guest{sh: sh, index: i, end: guestEnd(d.Below(int(guestEnds)))}
		g.begin = time.Duration(d.Uint64() % uint64(sh.b.script.Ends()+1))
		g.prepare()
		sh.guests.Go(g.live)
	}
}

// assemble has guests come that are there when the server ends: they have sent some
// pings, which may have been answered, and wait.
func (sh *shell) assemble() {
	c := &sh.b.script.Config
	if sh.orderly() || c.Refuses() {
		return
	}
	var all []*guest
	d := script.NewDice(script.Draw(sh.seed, 0xe4d))
	for i := range d.Below(maxGuests + 1) {
		g := &guest{sh: sh, index: maxGuests + i, end: guestAwaitsEnd}
		g.prepare()
		sh.guests.Go(g.live)
		all = append(all, g)
	}
	for turns := d.Below(150); turns > 0; turns-- {
		sh.b.once()
	}
	for _, g := range all {
		g.due = g.owed()
	}
}

// owed returns how many bytes of answers a guest gets although the server begins to
// end: all up to those to the whole requests that have arrived, if it was welcomed.
func (g *guest) owed() int {
	if g.peer == nil || len(g.heard) == 0 {
		return 0
	}
	due := 0
	for i, end := range g.bounds {
		if end[0] <= g.peer.Arrived() {
			due = g.bounds[i][1]
		}
	}
	return due
}

// prepare draws what the guest says.
func (g *guest) prepare() {
	g.dice = script.NewDice(script.Draw(g.sh.seed, 0x6e57, uint64(g.index)))
	g.gulp = g.dice.Between(1, 4096)
	pings, size := g.dice.Below(12), 300
	switch {
	case g.end == guestIsDeaf:
		pings, size = 3000, 1000 // more than all buffers hold
	case g.end == guestAwaitsEnd && g.dice.Chance(50):
		pings = 0 // nothing makes the server look at it again
	}
	for i := range pings {
		value := fmt.Appendf(nil, "guest %d asks %d ", g.index, i)
		value = append(value, make([]byte, g.dice.Below(size))...)
		value = value[:min(len(value), g.sh.b.script.Config.MaxValueSize)]
		g.says, _ = wire.AppendRequest(g.says, &wire.Request{Command: wire.Ping, Value: value})
		g.answers = wire.AppendResponse(g.answers, wire.OK, value)
		g.bounds = append(g.bounds, [2]int{len(g.says), len(g.answers)})
	}
}

// live is a guest's whole life.
func (g *guest) live() {
	b := g.sh.b
	b.clk.Sleep(g.begin + 1)
	object := uint64(1<<15+g.index)<<16 | 1
	b.gate.pass(&ticket{id: 1<<42 | object})
	b.mu.Lock()
	stops, err := g.sh.stops, errNoListener
	if b.first.server != nil {
		g.peer, err = g.sh.listener.Dial(object, addressOf(&b.script.Config, rawLane+maxRaws+1+g.index))
	}
	b.mu.Unlock()
	if err != nil {
		return
	}
	heard := make(chan error, 1)
	deaf := make(chan struct{})
	go func() {
		if g.end == guestIsDeaf {
			<-deaf
		}
		heard <- g.listen(object)
	}()
	failed := g.send(object, g.says)
	if failed == nil {
		failed = g.conclude(object)
	}
	g.quiet = b.clk.Now()
	close(deaf)
	err = <-heard
	g.peer.Close()
	b.mu.Lock()
	restarted := g.sh.stops != stops
	b.mu.Unlock()
	g.judge(failed, err, restarted)
}

// send sends bytes in pieces, each in its turn.
func (g *guest) send(object uint64, p []byte) error {
	for len(p) > 0 {
		n := len(p)
		if g.dice.Chance(70) {
			n = min(n, g.dice.Between(1, 2000))
		}
		g.sh.b.gate.pass(&ticket{id: 1<<42 | object})
		if _, err := g.peer.Write(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// conclude ends the guest's half of the conversation.
func (g *guest) conclude(object uint64) error {
	switch g.end {
	case guestFinishes:
		g.sh.b.gate.pass(&ticket{id: 1<<42 | object})
		g.peer.CloseWrite()
	case guestTears:
		torn, _ := wire.AppendRequest(nil, &wire.Request{Command: wire.Ping, Value: make([]byte, min(200, g.sh.b.script.Config.MaxValueSize))})
		return g.send(object, torn[:g.dice.Between(1, len(torn)-1)])
	case guestBabbles:
		return g.send(object, bytes.Repeat([]byte("GET / HTTP/1.1\r\n"), g.dice.Between(1, 2000)))
	case guestResets:
		g.sh.b.gate.pass(&ticket{id: 1<<42 | object})
		g.peer.Reset()
	case guestUploads:
		size := g.sh.b.script.Config.MaxValueSize - 1
		large, _ := wire.AppendRequest(nil, &wire.Request{Command: wire.Set, Key: []byte("large"), Value: make([]byte, size)})
		if err := g.send(object, large[:g.dice.Between(1, len(large)-1)]); err != nil {
			return err
		}
		g.sh.b.gate.pass(&ticket{id: 1<<42 | object})
		g.peer.Reset()
	}
	return nil
}

// listen reads to the end, when it is its turn.
func (g *guest) listen(object uint64) error {
	buffer := make([]byte, g.gulp)
	for {
		g.sh.b.gate.pass(&ticket{id: 1<<42 | 1<<35 | object})
		n, err := g.peer.Read(buffer)
		if n > 0 {
			g.heard = append(g.heard, buffer[:n]...)
			g.answered = g.sh.b.clk.Now()
		}
		if err != nil {
			return err
		}
	}
}

// judge asks whether the server has done as it should. sent is what kept the guest
// from sending, and ended how reading ended.
func (g *guest) judge(sent, ended error, restarted bool) {
	n := min(len(g.heard), len(g.answers))
	rest := g.heard[n:]
	switch {
	case !bytes.Equal(g.heard[:n], g.answers[:n]):
		at := 0
		for g.heard[at] == g.answers[at] {
			at++
		}
		g.broken(RulePairing, "got %s at byte %d, and not %s", brief(g.heard[at:n]), at, brief(g.answers[at:n]))
		return
	case restarted, g.end == guestResets, g.end == guestUploads, g.end == guestIsDeaf && sent != nil:
		// what was on its way may be lost
	case g.end == guestIsDeaf:
		g.broken(RuleTimeout, "was served although it reads nothing")
		return
	case g.end == guestAwaitsEnd && n >= g.due:
		// the server ended it, behind the answers that were due
	case !errors.Is(ended, io.EOF), n < len(g.answers):
		g.broken(RuleLiveness, "got %d bytes of %d, and then %v", n, len(g.answers), ended)
		return
	}
	wants := g.end == guestTears || g.end == guestBabbles
	if r, size, err := wire.ParseResponse(rest); wants && !restarted && (err != nil || size != len(rest) || r.Status != wire.Error) {
		g.broken(RulePairing, "was not told why it is cut off, but %s", brief(rest))
	} else if !wants && len(rest) > 0 {
		g.broken(RulePairing, "got what it has not asked for: %s", brief(rest))
	}
	if !restarted {
		g.judgeTime()
	}
}

// judgeTime asks whether the server has ended the connection when it should have, for
// guests that did not end it themselves. Clocks may drift, and scripts may hold the
// server up, but not for ever.
func (g *guest) judgeTime() {
	var timeout time.Duration
	switch g.end {
	case guestIdles:
		timeout = serve.DefaultIdleTimeout
	case guestTears:
		timeout = serve.DefaultFrameTimeout
	case guestIsDeaf:
		timeout = serve.DefaultWriteTimeout
	default:
		return
	}
	b := g.sh.b
	from := g.quiet
	if g.end == guestIsDeaf {
		// it went quiet because it was cut off
		from = b.start.Add(g.begin)
	}
	took := b.clk.Since(from)
	if g.sh.calm.After(from) {
		took = b.clk.Since(g.sh.calm)
	} else if took < timeout*3/4 {
		g.broken(RuleTimeout, "was ended after %v, the timeout is %v", took, timeout)
	}
	if took > timeout*5/4+10*time.Second {
		g.broken(RuleTimeout, "was ended only after %v, the timeout is %v", took, timeout)
	}
}

func (g *guest) broken(rule, format string, args ...any) {
	g.sh.b.violate(rule, fmt.Sprintf("guest %d %s", g.index, fmt.Sprintf(format, args...)))
}
