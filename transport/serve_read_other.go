//go:build !unix

package transport

import "net"

// reader returns a function that waits for bytes of conn and reads them into s.
func reader(conn net.Conn, s *Session) func() (int, error) {
	return func() (int, error) { return conn.Read(s.Buffer()) }
}

// readArrived would read what conn has received and not handed out yet, which
// this system cannot tell without waiting.
func readArrived(net.Conn, *Session) (int, error) { return 0, nil }
