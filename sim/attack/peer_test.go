//go:build linux

package attack_test

import (
	"io"
	"net"
	"time"

	"github.com/benbjohnson/clock"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A peer is one connection, and nothing between it and the socket.
type peer struct{ *net.TCPConn }

// victimAddress is where the victim comes from, so that its address is not the
// attackers'.
const victimAddress = "127.0.0.2"

// dial connects from an address of this machine, as an identity unless that is
// empty.
func (s *server) dial(from, identity string) *peer {
	GinkgoHelper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", s.addr)
	Expect(err).NotTo(HaveOccurred())
	p := &peer{c.(*net.TCPConn)}
	if identity != "" {
		Expect(p.ask(frame(wire.Auth, identity, identity)).Status).To(Equal(wire.OK))
	}
	return p
}

func frame(c wire.Command, key, value string) []byte {
	GinkgoHelper()
	b, err := wire.AppendRequest(nil, &wire.Request{Command: c, Key: []byte(key), Value: []byte(value)})
	Expect(err).NotTo(HaveOccurred())
	return b
}

// send sends as much as the server takes within a moment. A server that has
// closed the connection is welcome to.
func (p *peer) send(b []byte) {
	_ = p.SetWriteDeadline(moment(50 * time.Millisecond))
	_, _ = p.Write(b)
}

// ask sends a request and returns its answer.
func (p *peer) ask(request []byte) wire.Response {
	GinkgoHelper()
	_, err := p.Write(request)
	Expect(err).NotTo(HaveOccurred())
	return p.answer()
}

func (p *peer) answer() wire.Response {
	GinkgoHelper()
	r, err := p.read()
	Expect(err).NotTo(HaveOccurred())
	return r
}

func (p *peer) read() (wire.Response, error) { return readResponse(p) }

func readResponse(from io.Reader) (wire.Response, error) {
	b := make([]byte, wire.ResponseHeaderSize)
	if _, err := io.ReadFull(from, b); err != nil {
		return wire.Response{}, err
	}
	b = append(b, make([]byte, int(b[3])<<24|int(b[4])<<16|int(b[5])<<8|int(b[6]))...)
	if _, err := io.ReadFull(from, b[wire.ResponseHeaderSize:]); err != nil {
		return wire.Response{}, err
	}
	r, _, err := wire.ParseResponse(b)
	return r, err
}

// moment returns when that much time has passed.
func moment(d time.Duration) time.Time { return clock.New().Now().Add(d) }
