//go:build !linux

package sim

import (
	"net"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

// HasShell says that the server's shell cannot be simulated here: it is Linux that
// the simulated kernel is like.
const HasShell = false

type shell struct{}

func newShell(*bubble) *shell                          { return nil }
func (*shell) busy(*ticket) bool                       { return false }
func (*shell) configure(*server.Config)                {}
func (*shell) serve(*server.Server)                    {}
func (*shell) connect(net.Conn, *gatedConn, int) error { return nil }
func (*shell) secures(int) bool                        { return false }
func (*shell) stop(bool)                               {}
func (*shell) invite()                                 {}
func (*shell) end()                                    {}
