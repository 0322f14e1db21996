package cli

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// programPages is where the program's own file is mapped into this process. The
// kernel maps sixteen pages of it for each that is looked at, and leaves them mapped.
type programPages struct {
	code addresses
	// Texts, and what the collector of garbage reads: types, and the places of pointers.
	constants addresses
}

// addresses from and to.
type addresses struct{ from, to uintptr }

// findProgram finds the pages that are as they are in the file. In a program that is
// relocated when it starts, constants are not, and stay.
func findProgram() (p programPages) {
	program, err := os.Executable()
	if err != nil {
		return p
	}
	file, err := os.Open("/proc/self/smaps")
	if err != nil {
		return p
	}
	defer func() { _ = file.Close() }()
	var found addresses
	var permissions string
	clean := false
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) < 2:
		case len(fields) == 6 && fields[5] == program:
			found, permissions = mapped(fields[0]), fields[1]
			clean = false
		case fields[0] == "VmFlags:":
		case len(fields) > 3 && found.to > 0:
			// The program's mappings lie side by side; it takes the kernel time to look at
			// those of a full store.
			return p
		case len(fields) > 3:
		case fields[0] == "Anonymous:":
			clean = fields[1] == "0"
		case fields[0] != "Swap:" || fields[1] != "0" || !clean:
			// changed since, or swapped out, which only changed pages are
		case permissions == "r-xp":
			p.code = found
		case permissions == "r--p":
			p.constants = found
		}
	}
	return p
}

// mapped reads addresses in the form of /proc.
func mapped(text string) (a addresses) {
	if n, err := fmt.Sscanf(text, "%x-%x", &a.from, &a.to); n != 2 || err != nil {
		return addresses{}
	}
	return a
}

// discardAll gives all of the pages back. Those that are looked at again come back
// from the file, or from what the kernel keeps of it.
func (p programPages) discardAll() {
	discard(p.code)
	discard(p.constants)
}

// discardConstants gives back what has been read of constants; what is in use comes
// back in some dozens of faults that cost a microsecond each. Code stays as it is: a
// debugger may have set breakpoints.
func (p programPages) discardConstants() { discard(p.constants) }

func discard(a addresses) {
	if a.to > a.from {
		// It cannot fail on what is mapped.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, a.from, a.to-a.from, unix.MADV_DONTNEED)
	}
}
