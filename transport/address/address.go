// Package address parses addresses to listen on or connect to: "localhost:8080",
// "[::1]:8080", ":8080" for every address of the machine, "unix:/run/cryptomem.sock"
// for a Unix socket.
//
// For a text that is not an address, the [Error] says what to write instead.
package address

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
)

// MaxUnixPath is the longest path of a Unix socket on this system, in bytes: 107
// on Linux. The kernel's structure holds one more, for the zero at the end.
const MaxUnixPath = len(syscall.RawSockaddrUnix{}.Path) - 1

const unixPrefix = "unix:"

// An Address is a TCP port or a Unix socket. The zero value is neither.
type Address struct {
	// Path names the file of a Unix socket. It is empty for a TCP port.
	Path string
	// Host is a name or an IP address, without brackets. An empty Host stands for
	// every address of this machine.
	Host string
	// Port may be 0 to listen on any free port.
	Port uint16
}

// An Error says why a text is not an address, and what to write instead.
type Error struct {
	// Text is the text that was parsed.
	Text string
	// Reason is what is wrong with it.
	Reason string
	// Advice is what to write instead.
	Advice string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%q is not an address: %s; %s", e.Text, e.Reason, e.Advice)
}

// Parse reads one address. Its error is an [*Error]. It checks the form only: a
// name is resolved, and a file opened, when the address is used.
func Parse(text string) (Address, error) {
	if path, ok := strings.CutPrefix(text, unixPrefix); ok {
		return parseUnix(text, path)
	}
	if scheme, rest, ok := strings.Cut(text, "://"); ok {
		return Address{}, &Error{text, "it begins with " + scheme + "://, as a URL does", adviceFor(strings.TrimRight(rest, "/"))}
	}
	a, reason := parseTCP(text)
	if reason != "" {
		return Address{}, &Error{text, reason, adviceFor(text)}
	}
	return a, nil
}

// ParseList reads one address or several, separated by commas.
func ParseList(text string) ([]Address, error) {
	var all []Address
	for one := range strings.SplitSeq(text, ",") {
		a, err := Parse(strings.TrimSpace(one))
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

func parseUnix(text, path string) (Address, error) {
	if rest, ok := strings.CutPrefix(path, "//"); ok {
		// In a URL the host comes first: unix:///run/s is the file /run/s, but
		// unix://run/s may be meant for either file.
		path = rest
		if path != "" && path[0] != '/' {
			return Address{}, &Error{
				text, "after unix:// comes a path that begins with a slash",
				fmt.Sprintf("write %s/%s, or %s%s for a path from the working directory", unixPrefix, path, unixPrefix, path),
			}
		}
	}
	for strings.HasPrefix(path, "//") {
		// The same file; but "unix:" followed by two slashes would be parsed as a URL.
		path = path[1:]
	}
	switch {
	case path == "" || path == "/":
		return Address{}, &Error{text, "the path of the socket is missing", "write unix:PATH, such as unix:/run/cryptomem.sock"}
	case path[0] == '@' || strings.IndexByte(path, 0) >= 0:
		return Address{}, &Error{text, "an abstract socket lets every user in", "write the path of a file"}
	case len(path) > MaxUnixPath:
		return Address{}, &Error{text, fmt.Sprintf("the path is %d bytes, limit %d", len(path), MaxUnixPath), "write a shorter one"}
	}
	return Address{Path: path}, nil
}

// parseTCP reads a host and a port, or says what is wrong with them.
func parseTCP(text string) (a Address, reason string) {
	i := strings.LastIndexByte(text, ':')
	switch {
	case text == "":
		return a, "it is empty"
	case isIPv6(text) || i > 0 && isIPv6(text[:i]):
		return a, "an IPv6 address stands in brackets"
	case i < 0 || text[len(text)-1] == ']':
		return a, "the port is missing"
	}
	host, port := text[:i], text[i+1:]
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, closed := strings.CutSuffix(inner, "]")
		if !closed || !isIPv6(inner) {
			return a, "what stands in brackets is an IPv6 address"
		}
		host = inner
	} else if strings.ContainsAny(host, ":/@]\\,") || strings.ContainsFunc(host, isBlank) {
		return a, fmt.Sprintf("%q is no host", host)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return a, fmt.Sprintf("the port is %q, not a number from 0 to 65535", port)
	}
	return Address{Host: host, Port: uint16(n)}, ""
}

func isBlank(r rune) bool { return r <= ' ' || r == 0x7f }

func isIPv6(text string) bool {
	ip, err := netip.ParseAddr(text)
	return err == nil && ip.Is6()
}

// adviceFor returns what to write in place of a text that lacks its port or its
// brackets.
func adviceFor(text string) string {
	const port = ":8080"
	if _, err := strconv.ParseUint(text, 10, 16); err == nil {
		return "write localhost:" + text + ", or :" + text + " for every address of this machine"
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	if i := strings.LastIndexByte(bare, ':'); i > 0 && isIPv6(bare[:i]) {
		// The end of ::1:8080 is more likely a port than a part of the address.
		if n, err := strconv.ParseUint(bare[i+1:], 10, 16); err == nil && n > 999 {
			return "write [" + bare[:i] + "]" + bare[i:]
		}
	}
	if isIPv6(bare) {
		return "write [" + bare + "]" + port
	}
	for _, guess := range []string{text, text + port} {
		if a, reason := parseTCP(guess); reason == "" && text != "" {
			return "write " + a.String()
		}
	}
	return "write host:port, such as localhost" + port + ", or unix:PATH"
}

// String returns a text that Parse reads as a.
func (a Address) String() string {
	if a.Path != "" {
		return unixPrefix + a.Path
	}
	return a.Target()
}

// Network returns "tcp" or "unix", the network for package net.
func (a Address) Network() string {
	if a.Path != "" {
		return "unix"
	}
	return "tcp"
}

// Target returns the address for package net on a's Network.
func (a Address) Target() string {
	if a.Path != "" {
		return a.Path
	}
	return net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port)))
}

// IsLocal reports whether a can be reached from this machine only. A host name
// other than localhost is taken to be reachable from elsewhere.
func (a Address) IsLocal() bool {
	if a.Path != "" || strings.EqualFold(a.Host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(a.Host)
	return err == nil && ip.Unmap().IsLoopback()
}

// IsLocal is Address.IsLocal for a text; a text that Parse rejects is not local.
func IsLocal(text string) bool {
	a, err := Parse(text)
	return err == nil && a.IsLocal()
}

// Dial connects to the address that Parse reads. The caller has to name the address in
// its own error: Dial's does not.
func Dial(ctx context.Context, text string) (net.Conn, error) {
	a, err := Parse(text)
	if err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, a.Network(), a.Target())
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		err = op.Err
	}
	return conn, err
}

// Of returns the address of a listener.
func Of(addr net.Addr) Address {
	if unix, ok := addr.(*net.UnixAddr); ok {
		return Address{Path: unix.Name}
	}
	// A kind of address that cannot be parsed is not local.
	a, _ := Parse(addr.String())
	return a
}

// ServerName returns the name that the server's certificate has to be valid for:
// the host, or localhost for a Unix socket or an empty host. For a text that
// is not an address, it returns the text.
func ServerName(text string) string {
	a, err := Parse(text)
	switch {
	case err != nil:
		return text
	case a.Host == "":
		return "localhost"
	}
	return a.Host
}
