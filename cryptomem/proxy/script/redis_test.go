package script_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/script"
)

// A redis is a connection to a real server.
type redis struct {
	conn net.Conn
	in   []byte
	used int
}

// startRedis runs a server for the container it is called in.
func startRedis() (socket func() string) {
	var path string
	BeforeAll(func() {
		dir, err := os.MkdirTemp("", "redis")
		Expect(err).NotTo(HaveOccurred())
		path = filepath.Join(dir, "s")
		server := exec.Command("redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", dir)
		Expect(server.Start()).To(Succeed(), "redis-server (Debian: redis) is what the engine is compared with")
		DeferCleanup(func() {
			Expect(server.Process.Kill()).To(Succeed())
			_ = server.Wait()
			Expect(os.RemoveAll(dir)).To(Succeed())
		})
		Eventually(func() error {
			conn, err := net.Dial("unix", path)
			if err == nil {
				err = conn.Close()
			}
			return err
		}).Should(Succeed())
	})
	return func() string { return path }
}

func dialRedis(socket string, commands ...string) *redis {
	r := dial(socket, commands...)
	DeferCleanup(r.conn.Close)
	return r
}

func dial(socket string, commands ...string) *redis {
	conn, err := net.Dial("unix", socket)
	Expect(err).NotTo(HaveOccurred())
	r := &redis{conn: conn}
	for _, c := range commands {
		Expect(r.do(strings.Fields(c)...).Kind).NotTo(Equal(resp.Error), c)
	}
	return r
}

func (r *redis) do(args ...string) resp.Reply {
	list := make([][]byte, len(args))
	for i, a := range args {
		list[i] = []byte(a)
	}
	return r.command(list)
}

func (r *redis) command(args [][]byte) resp.Reply {
	out := []byte("*" + strconv.Itoa(len(args)) + "\r\n")
	for _, a := range args {
		out = append(out, "$"+strconv.Itoa(len(a))+"\r\n"...)
		out = append(append(out, a...), "\r\n"...)
	}
	_, err := r.conn.Write(out)
	Expect(err).NotTo(HaveOccurred())
	r.in = append([]byte(nil), r.in[r.used:]...) // replies alias it
	r.used = 0
	for {
		reply, n, err := resp.ParseReply(r.in)
		Expect(err).NotTo(HaveOccurred())
		if n > 0 {
			r.used = n
			return reply
		}
		chunk := make([]byte, 64<<10)
		n, err = r.conn.Read(chunk)
		Expect(err).NotTo(HaveOccurred())
		r.in = append(r.in, chunk[:n]...)
	}
}

// fromScript carries out a command as a script's, which some are not and a few
// errors read otherwise for. What a script selects holds for it alone.
func (r *redis) fromScript(args [][]byte) resp.Reply {
	switch strings.ToLower(string(args[0])) {
	case "subscribe":
		return resp.ErrorReply("ERR This Redis command is not allowed from script")
	case "select":
		return resp.Reply{Kind: resp.Simple, Bytes: []byte("OK")}
	}
	reply := r.command(args)
	text := string(reply.Bytes)
	switch {
	case reply.Kind == resp.Error && strings.HasPrefix(text, "ERR unknown command"):
		return resp.ErrorReply("ERR Unknown Redis command called from script")
	case reply.Kind == resp.Error && strings.HasPrefix(text, "ERR wrong number of arguments"):
		return resp.ErrorReply("ERR Wrong number of args calling Redis command from script")
	}
	return reply
}

// A pair runs scripts on the engine, whose commands go to one database of a
// Redis, and by EVAL on another database of it.
type pair struct {
	engine            *script.Engine
	ours, ours3, real *redis
}

func newPair(socket string) *pair {
	return &pair{
		engine: newEngine(),
		ours:   dialRedis(socket, "SELECT 1"), ours3: dialRedis(socket, "HELLO 3", "SELECT 1"), real: dialRedis(socket),
	}
}

func (p *pair) clear() {
	p.real.do("FLUSHDB")
	p.ours.do("FLUSHDB")
}

func (p *pair) ourReply(source string, keys, args []string) resp.Reply {
	s, err := p.engine.Load([]byte(source))
	if err != nil {
		return resp.ErrorReply(err.Error())
	}
	reply, err := s.Run(context.Background(), &script.Run{
		Keys: byteSlices(keys), Args: byteSlices(args),
		Call: func(args [][]byte, protocol resp.Version) resp.Reply {
			if protocol == resp.RESP3 {
				return p.ours3.fromScript(args)
			}
			return p.ours.fromScript(args)
		},
	})
	Expect(err).NotTo(HaveOccurred(), source)
	return reply
}

func (p *pair) realReply(source string, keys, args []string) resp.Reply {
	command := append([]string{"EVAL", source, strconv.Itoa(len(keys))}, keys...)
	return p.real.do(append(command, args...)...)
}

func byteSlices(list []string) [][]byte {
	var b [][]byte
	for _, s := range list {
		b = append(b, []byte(s))
	}
	return b
}

func newEngine() *script.Engine { return script.New(script.Limits{}) }
