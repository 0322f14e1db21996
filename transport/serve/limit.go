package serve

import (
	"net"
	"net/netip"

	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// maxRefusals bounds the connections over the limit whose first request is answered
// with the reason. Any further one is closed at once.
const maxRefusals = 64

// connLimiter counts connections against the limits on them. Its owner's lock
// guards it.
type connLimiter struct {
	// total and perAddress are the limits; below 0 there is none.
	total, perAddress int

	serving, refusing int
	byAddress         map[netip.Prefix]*addressUsage
}

// An addressUsage is what the connections from one address have together;
// connections without an address share one.
type addressUsage struct {
	serving int
	memory  session.Share
}

type slot int

const (
	noSlot slot = iota
	refusingSlot
	servingSlot
)

// acquire finds a place for a connection from address, and the address's share of
// memory in flight. If a limit is reached it returns a refusing place and the reason.
func (p *connLimiter) acquire(address netip.Prefix) (slot, *session.Share, wire.Refusal) {
	var why wire.Refusal
	n := p.byAddress[address]
	switch {
	case p.total >= 0 && p.serving >= p.total:
		why = wire.RefuseBusy("%d connections are open, limit %d", p.serving, p.total)
	case p.perAddress >= 0 && address.IsValid() && n != nil && n.serving >= p.perAddress:
		why = wire.RefuseBusy("%d connections are open from %s, limit %d", n.serving, address, p.perAddress)
	default:
		if n == nil {
			n = new(addressUsage)
			if p.byAddress == nil {
				p.byAddress = make(map[netip.Prefix]*addressUsage)
			}
			p.byAddress[address] = n
		}
		p.serving++
		n.serving++
		return servingSlot, &n.memory, wire.Refusal{}
	}
	if p.refusing >= maxRefusals {
		return noSlot, nil, wire.Refusal{}
	}
	p.refusing++
	return refusingSlot, nil, why
}

// release gives up a place that acquire found for the same address.
func (p *connLimiter) release(address netip.Prefix, at slot) {
	if at == refusingSlot {
		p.refusing--
		return
	}
	p.serving--
	n := p.byAddress[address]
	if n.serving--; n.serving == 0 {
		delete(p.byAddress, address)
	}
}

// addressOf returns the network that counts as one peer: an IPv4 address, or
// the /64 that an IPv6 host can choose its addresses from. It is not valid for
// connections without an IP address, such as Unix sockets.
func addressOf(conn net.Conn) netip.Prefix {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

// A refusingHandler handles a connection over the limits.
type refusingHandler struct{ why wire.Refusal }

func (r refusingHandler) Admit(*wire.Header) (wire.Refusal, bool) { return r.why, false }

func (r refusingHandler) Handle(_ int64, dst []byte, _ *wire.Request) []byte {
	// Never reached: Admit refuses every request.
	return wire.AppendResponse(dst, wire.Error, []byte(r.why.Message))
}
