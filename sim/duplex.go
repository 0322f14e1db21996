package sim

import (
	"errors"
	"net"
	"time"
)

// A duplex is one end of a connection made of two net.Pipes, one for each
// direction, so that a direction can end while the other goes on: a single
// net.Pipe has no half-close.
type duplex struct{ in, out net.Conn }

func newDuplex() (x, y *duplex) {
	upIn, upOut := net.Pipe()
	downIn, downOut := net.Pipe()
	return &duplex{in: downIn, out: upOut}, &duplex{in: upIn, out: downOut}
}

func (d *duplex) Read(p []byte) (int, error)  { return d.in.Read(p) }
func (d *duplex) Write(p []byte) (int, error) { return d.out.Write(p) }

// Close ends both directions.
func (d *duplex) Close() error { return errors.Join(d.in.Close(), d.out.Close()) }

// CloseWrite ends the direction that d writes to.
func (d *duplex) CloseWrite() error { return d.out.Close() }

func (d *duplex) LocalAddr() net.Addr  { return d.out.LocalAddr() }
func (d *duplex) RemoteAddr() net.Addr { return d.out.RemoteAddr() }

func (d *duplex) SetDeadline(t time.Time) error {
	return errors.Join(d.in.SetReadDeadline(t), d.out.SetWriteDeadline(t))
}
func (d *duplex) SetReadDeadline(t time.Time) error  { return d.in.SetReadDeadline(t) }
func (d *duplex) SetWriteDeadline(t time.Time) error { return d.out.SetWriteDeadline(t) }
