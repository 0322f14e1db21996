//go:build !linux

package serve

import "errors"

// An EpollEvent is what EpollWait reports of a descriptor: nothing on this system.
type EpollEvent struct{}

// Only pollers call these, and this system has none.
func (system) Write(int, []byte) (int, error)                { return 0, errors.ErrUnsupported }
func (system) Writev(int, [][]byte) (int, error)             { return 0, errors.ErrUnsupported }
func (system) Processors() int                               { return 0 }
func (system) EpollCreate() (Epoll, error)                   { return nil, errors.ErrUnsupported }
func (system) EpollCtl(int, int, int, uint32) error          { return errors.ErrUnsupported }
func (system) EpollWait(int, []EpollEvent, int) (int, error) { return 0, errors.ErrUnsupported }

func (system) BoundUnsent(int) {}
