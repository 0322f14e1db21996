package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/transport/address"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// maxAnswers bounds what is read of a stranger's answer, in bytes.
const maxAnswers = 1 << 20

// isAbsent reports whether dialling failed because nothing listens.
func isAbsent(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrNotExist)
}

func (r *findings) unreachable(severity Severity, addr string, err error) {
	const subject = "server"
	var dns *net.DNSError
	var form *address.Error
	switch {
	case isAbsent(err):
		r.found(severity, subject, "nothing listens on "+addr, "start it with cryptomem serve, and ask again")
	case errors.Is(err, os.ErrPermission):
		r.found(severity, subject, "this user may not open "+addr, "join the group of the socket, or set unix_mode")
	case errors.As(err, &form):
		r.found(severity, subject, fmt.Sprintf("%q is not an address: %s", form.Text, form.Reason), form.Advice)
	case errors.As(err, &dns):
		r.found(severity, subject, "the name in "+addr+" cannot be resolved: "+dns.Err, "correct the address, or DNS")
	case isTimeout(err):
		r.found(severity, subject, addr+" cannot be reached: no answer in time", "check the address, the route and the firewall in between")
	default:
		r.found(severity, subject, addr+" cannot be reached: "+err.Error(), "check the address, the route and the firewall in between")
	}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// questions are asked of a server: to authenticate, where there is an identity;
// for a sign of life; and for the statistics.
func questions(identity string, token []byte) []wire.Request {
	requests := []wire.Request{
		{Command: wire.Ping, Value: []byte("doctor\r\n\r\n")}, // for a server of a text protocol, the end of a question
		{Command: wire.Stats},
	}
	if identity != "" {
		login := wire.Request{Command: wire.Auth, Key: []byte(identity), Value: token}
		requests = append([]wire.Request{login}, requests...)
	}
	return requests
}

// exchange sends the requests and returns an answer for each. The error says that
// the answers are not cryptomem's.
func exchange(conn net.Conn, requests []wire.Request) ([]wire.Response, error) {
	var out []byte
	for i := range requests {
		var err error
		if out, err = wire.AppendRequest(out, &requests[i]); err != nil {
			return nil, err
		}
	}
	if _, err := conn.Write(out); err != nil {
		return nil, err
	}
	in := make([]byte, 0, 16<<10)
	var answers []wire.Response
	for rest := in; len(answers) < len(requests); {
		answer, n, err := wire.ParseResponse(rest)
		switch {
		case err != nil:
			return nil, err
		case n > 0:
			answers = append(answers, wire.Response{Status: answer.Status, Value: bytes.Clone(answer.Value)})
			rest = rest[n:]
			continue
		case len(in) > maxAnswers:
			return nil, fmt.Errorf("its answer is longer than %s", quantity.FormatSize(maxAnswers))
		}
		used := len(in) - len(rest)
		in = append(in, make([]byte, 4<<10)...)
		got, err := conn.Read(in[len(in)-4<<10:])
		in = in[:len(in)-4<<10+got]
		rest = in[used:]
		if got == 0 && err != nil {
			if errors.Is(err, io.EOF) {
				err = errHungUp
			}
			return answers, err
		}
	}
	return answers, nil
}

var errHungUp = errors.New("it hung up")

// statistics reads the answer to STATS; nil, with a finding, if that cannot be.
func (r *findings) statistics(text []byte) *stats.Report {
	said := new(stats.Report)
	if json.Unmarshal(text, said) != nil || said.About.Now.IsZero() {
		r.found(Unknown, "clock", "the server does not tell the time", "")
		return nil
	}
	return said
}

// clock compares what both sides think of the time. Clients judge a value's
// expiry by their own clock.
func (r *findings) clock(theirs, ours time.Time, took time.Duration) {
	skew := theirs.Sub(ours)
	if max(skew, -skew) <= sealing.DefaultSkew+took/2 {
		r.fine("clock", "server and client agree to within %v", (max(skew, -skew) + took/2).Round(10*time.Microsecond))
		return
	}
	direction := "ahead of"
	if skew < 0 {
		direction = "behind"
	}
	r.found(Problem, "clock", fmt.Sprintf("the server's clock is %v %s this machine's: values expire too early or too late", max(skew, -skew).Round(time.Millisecond), direction),
		"run NTP (systemd-timesyncd, chrony) on both")
}
