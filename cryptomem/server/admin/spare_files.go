package admin

import (
	"errors"
	"os"
	"sync"
	"syscall"
)

// maxSpareFiles is how many file descriptors are kept.
const maxSpareFiles = 8

// spareFiles are file descriptors that are kept for when the process has used up all
// others: a health check that is not answered then would have a server ended that
// recovers by itself.
type spareFiles struct {
	// Guards files.
	mu    sync.Mutex
	files []*os.File
}

func openSpareFiles() *spareFiles {
	s := new(spareFiles)
	s.refill()
	return s
}

// refill takes what is missing, as far as there is any.
func (s *spareFiles) refill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.files) < maxSpareFiles {
		f, err := os.Open(os.DevNull)
		if err != nil {
			return // there is none, or no such file here
		}
		s.files = append(s.files, f)
	}
}

// release gives one back to the process, and reports whether there was one.
func (s *spareFiles) release() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.files) == 0 {
		return false
	}
	last := len(s.files) - 1
	// it was never used
	_ = s.files[last].Close()
	s.files = s.files[:last]
	return true
}

// close gives all back.
func (s *spareFiles) close() {
	for s.release() {
	}
}

// outOfFiles reports whether err is the lack of file descriptors.
func outOfFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}
