package proxy_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/command"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/testdata/deadline"
)

// redisConn is a connection to a real Redis.
type redisConn struct {
	net.Conn
	b []byte
}

func (c *redisConn) do(args ...string) resp.Reply {
	GinkgoHelper()
	_, err := c.Write(commandBytes(args))
	Expect(err).NotTo(HaveOccurred())
	return c.receive()
}

func (c *redisConn) receive() resp.Reply {
	GinkgoHelper()
	var chunk [64 << 10]byte
	for {
		r, n, err := resp.ParseReply(c.b)
		Expect(err).NotTo(HaveOccurred())
		if n > 0 {
			c.b = append([]byte{}, c.b[n:]...)
			return r
		}
		m, err := c.Read(chunk[:])
		Expect(err).NotTo(HaveOccurred())
		c.b = append(c.b, chunk[:m]...)
	}
}

func commandBytes(args []string) []byte {
	b := resp.AppendArray(nil, len(args))
	for _, a := range args {
		b = resp.AppendBulk(b, a)
	}
	return b
}

// feed gives a session bytes and returns its answers.
func feed(s *proxy.Session, b []byte) (out []byte) {
	GinkgoHelper()
	for {
		n := copy(s.Buffer(), b)
		s.Received(n)
		b = b[n:]
		for {
			_ = s.Execute(1)
			if s.Unsent() == 0 {
				break
			}
			for _, p := range s.Pending() {
				out = append(out, p...)
			}
			s.Sent(s.Unsent())
		}
		if len(b) == 0 {
			s.Release()
			return out
		}
	}
}

// sessionOn returns a session on an upstream, which ends with the spec.
func sessionOn(u keyspace.Upstream, clk clock.Clock) *proxy.Session {
	GinkgoHelper()
	space := keyspace.New(keyspace.Config{Upstream: u, Clock: clk})
	p := proxy.New(proxy.Settings{Space: func(int) (*keyspace.Space, error) { return space, nil }, Clock: clk, Random: rand.IntN})
	s, err := p.NewSession("", "")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(s.Close)
	return s
}

func ask(s *proxy.Session, args ...string) resp.Reply {
	GinkgoHelper()
	r, n, err := resp.ParseReply(feed(s, commandBytes(args)))
	Expect(err).NotTo(HaveOccurred())
	Expect(n).NotTo(BeZero(), "%q", args)
	return r
}

// show writes a reply so that equal ones look the same.
func show(r resp.Reply) string { return string(r.Append(nil, resp.RESP3)) }

// unordered sorts an array's elements, by pairs for what answers pairs.
func unordered(r resp.Reply, pairs bool) resp.Reply {
	var all []string
	step := 1
	if pairs && r.Kind == resp.Array {
		step = 2
	}
	if r.Kind == resp.Map {
		step = 2
	}
	for i := 0; i+step <= len(r.Elems); i += step {
		var one string
		for _, e := range r.Elems[i : i+step] {
			one += show(e)
		}
		all = append(all, one)
	}
	slices.Sort(all)
	return resp.Reply{Kind: resp.Bulk, Bytes: []byte(fmt.Sprint(string(r.Kind), all))}
}

// same reports whether two answers to a command are as good as equal. Redis' clock
// went on for stall while the session's stood.
func same(args []string, a, b resp.Reply, stall time.Duration) bool {
	name := strings.ToLower(args[0])
	switch name {
	case "smembers", "srandmember", "spop", "hkeys", "hvals", "command":
		if a.Elems != nil || b.Elems != nil {
			a, b = unordered(a, false), unordered(b, false)
		} else if name == "srandmember" && a.Kind == resp.Bulk && b.Kind == resp.Bulk {
			return true
		}
	case "hgetall":
		a, b = unordered(a, true), unordered(b, true)
	case "hscan", "zscan", "sscan":
		if len(a.Elems) == 2 && len(b.Elems) == 2 {
			a, b = unordered(a.Elems[1], name != "sscan"), unordered(b.Elems[1], name != "sscan")
		}
	case "ttl", "pttl", "expiretime", "pexpiretime":
		if a.Kind == resp.Integer && b.Kind == resp.Integer && a.Int >= 0 && b.Int >= 0 {
			most := stall.Milliseconds()
			if name[0] != 'p' {
				most = (most + 999) / 1000
			}
			d := a.Int - b.Int
			return -most <= d && d <= most
		}
	}
	return show(a) == show(b)
}

// A comparison runs the same commands against a session and a real Redis.
type comparison struct {
	generator
	names   []string // of the commands that are drawn
	clock   *clock.Mock
	redis   *redisConn
	session *proxy.Session
	batches []string // what was sent, for a report

	// When lives may end that were given since both began with nothing.
	ends []time.Time
}

func newComparison(seed uint64, over func(*clock.Mock) keyspace.Upstream) *comparison {
	GinkgoHelper()
	c := &comparison{generator: generator{rand.New(rand.NewPCG(seed, 1))}, clock: clock.NewMock(), redis: startRedis()}
	c.redis.do("FLUSHALL")
	c.follow()
	space := keyspace.New(keyspace.Config{Upstream: over(c.clock), Clock: c.clock})
	p := proxy.New(proxy.Settings{
		Space: func(int) (*keyspace.Space, error) { return space, nil }, Clock: c.clock, Random: c.IntN,
		Commands: command.Limits{MaxString: 512 << 20},
	})
	var err error
	c.session, err = p.NewSession("", "")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(c.session.Close)
	for _, cmd := range command.All() {
		if cmd.Run != nil {
			c.names = append(c.names, cmd.Name)
		}
	}
	return c
}

func overServer(c *clock.Mock) keyspace.Upstream { return newWorld(c).upstream() }

func overRedis(c *clock.Mock) keyspace.Upstream { return onRedis(startUpstream(), c) }

// follow sets the clock to what Redis says, in another millisecond than before: a
// life of as many seconds as an earlier one is then longer for both.
func (c *comparison) follow() {
	GinkgoHelper()
	for before := c.clock.Now().UnixMilli(); c.clock.Now().UnixMilli() == before; {
		c.clock.Set(timeOf(c.redis.do("TIME")))
	}
}

func timeOf(answer resp.Reply) time.Time {
	GinkgoHelper()
	sec, err := strconv.ParseInt(string(answer.Elems[0].Bytes), 10, 64)
	Expect(err).NotTo(HaveOccurred())
	us, err := strconv.ParseInt(string(answer.Elems[1].Bytes), 10, 64)
	Expect(err).NotTo(HaveOccurred())
	return time.Unix(sec, us*1000)
}

// expect notes when the lives may end that the commands give from now on.
func (c *comparison) expect(commands [][]string) {
	for _, args := range commands {
		if !ages([][]string{args}) {
			continue
		}
		for _, arg := range args[1:] {
			if n, err := strconv.ParseInt(arg, 10, 32); err == nil {
				life := time.Duration(n)
				c.ends = append(c.ends, c.clock.Now().Add(life*time.Millisecond), c.clock.Now().Add(life*time.Second))
			}
		}
	}
}

// overtaken reports whether a life may have ended for Redis, whose clock went on until
// then, that has not for the session.
func (c *comparison) overtaken(then time.Time) bool {
	now := c.clock.Now().Add(-time.Millisecond)
	return slices.ContainsFunc(c.ends, func(end time.Time) bool {
		return !end.Before(now) && !end.After(then.Add(time.Millisecond))
	})
}

// startOver has both begin with nothing.
func (c *comparison) startOver() {
	c.redis.do("FLUSHALL")
	ask(c.session, "FLUSHALL")
	c.ends, c.batches = nil, nil
}

// align compares when each name ends, and has those that were given a life from
// now on end at the same millisecond. So times differ by no more than the last
// batch took. It returns what is wrong, and until when Redis' clock went on.
func (c *comparison) align(commands [][]string, stall time.Duration) (wrong string, then time.Time) {
	GinkgoHelper()
	keys := slices.Clone(keys)
	for _, args := range commands {
		if len(args) > 1 && !slices.Contains(keys, args[1]) {
			keys = append(keys, args[1]) // another argument in the place of a name
		}
	}
	var asked []byte
	for _, key := range keys {
		asked = append(asked, commandBytes([]string{"PEXPIRETIME", key})...)
	}
	_, err := c.redis.Write(append(asked[:len(asked):len(asked)], commandBytes([]string{"TIME"})...))
	Expect(err).NotTo(HaveOccurred())
	answers := feed(c.session, asked)
	for _, key := range keys {
		want := c.redis.receive()
		got, n, err := resp.ParseReply(answers)
		Expect(err).NotTo(HaveOccurred())
		answers = answers[n:]
		if args := []string{"PEXPIRETIME", key}; !same(args, got, want, stall) {
			wrong = c.report(args, got, want)
		}
		if got.Int != want.Int {
			defer c.redis.do("PEXPIREAT", key, strconv.FormatInt(got.Int, 10))
		}
	}
	return wrong, timeOf(c.redis.receive())
}

// ages reports whether one of the commands gives a life from now on.
func ages(commands [][]string) bool {
	for _, args := range commands {
		switch strings.ToLower(args[0]) {
		case "set", "setex", "psetex", "getex", "expire", "pexpire":
			return true
		}
	}
	return false
}

// batch draws commands to be sent together.
func (c *comparison) batch() (commands [][]string) {
	size := 1
	if c.IntN(4) == 0 {
		size = 1 + c.IntN(10)
	}
	for range size {
		args := c.command(c.names)
		switch name := strings.ToLower(args[0]); {
		case name == "spop" && len(args) == 2, name == "srandmember" && len(args) == 3 && args[2] == "-1":
			// It is random.
			continue
		case (name == "zrank" || name == "zrevrank") && len(args) > 3:
			continue // an option of Redis 7.2
		case (name == "expire" || name == "pexpire") && size > 1 && len(args) > 3:
			continue // it may compare with a life from the same millisecond
		case strings.HasPrefix(name, "rename") && size > 1:
			continue // to DEL, the old name is there until the clock has moved
		}
		commands = append(commands, args)
	}
	return commands
}

// step sends some commands to both, sometimes as a transaction, and compares the
// answers. Where they differ, and a life may have ended for one of both alone, they start
// over.
func (c *comparison) step() int {
	GinkgoHelper()
	commands, multi := c.batch(), c.IntN(8) == 0
	var sent []byte
	for _, args := range commands {
		sent = append(sent, commandBytes(args)...)
	}
	if multi {
		sent = append(append(commandBytes([]string{"MULTI"}), sent...), commandBytes([]string{"EXEC"})...)
	}
	c.batches = append(c.batches, fmt.Sprintf("transaction=%v %q", multi, commands))
	c.follow()
	c.expect(commands)
	_, err := c.redis.Write(append(sent[:len(sent):len(sent)], commandBytes([]string{"TIME"})...))
	Expect(err).NotTo(HaveOccurred())
	answers := feed(c.session, sent)
	receive := func() (want, got resp.Reply) {
		want = c.redis.receive()
		got, n, err := resp.ParseReply(answers)
		Expect(err).NotTo(HaveOccurred())
		Expect(n).NotTo(BeZero(), "an answer is missing")
		answers = answers[n:]
		return want, got
	}
	var wants, gots []resp.Reply
	if multi {
		for range len(commands) + 1 {
			want, got := receive()
			Expect(show(got)).To(Equal(show(want)))
		}
		want, got := receive()
		if want.Kind == resp.Error {
			c.redis.receive()
			Expect(show(got)).To(Equal(show(want)))
			return len(commands)
		}
		wants, gots = want.Elems, got.Elems
	} else {
		for range commands {
			want, got := receive()
			wants, gots = append(wants, want), append(gots, got)
		}
	}
	then := timeOf(c.redis.receive())
	stall := (then.Sub(c.clock.Now()) + time.Millisecond).Truncate(time.Millisecond)
	Expect(answers).To(BeEmpty())
	Expect(gots).To(HaveLen(len(wants)))
	wrong := ""
	for i, args := range commands {
		if wrong == "" && !same(args, gots[i], wants[i], stall) {
			wrong = c.report(args, gots[i], wants[i])
		}
	}
	if wrong == "" && ages(commands) {
		wrong, then = c.align(commands, stall)
	}
	if wrong != "" {
		if !c.overtaken(then) {
			Fail(wrong)
		}
		c.startOver()
	}
	return len(commands)
}

// report says what differs, with all that was sent lately about the command's first name.
func (c *comparison) report(args []string, got, want resp.Reply) string {
	var history []string
	for _, b := range c.batches[max(0, len(c.batches)-60):] {
		if len(args) > 1 && strings.Contains(b, strconv.Quote(args[1])) {
			history = append(history, b)
		}
	}
	return fmt.Sprintf("%q is answered %q, by Redis %q, after\n%s", args, show(got), show(want), strings.Join(history, "\n"))
}

var _ = Describe("Random commands", func() {
	// CRYPTOMEM_SPEC_COMMANDS says how many; 1,000,000 take some minutes.
	n := 4000
	if text := os.Getenv("CRYPTOMEM_SPEC_COMMANDS"); text != "" {
		n, _ = strconv.Atoi(text)
	}

	DescribeTable("are answered as Redis answers them", Label(deadline.Unlimited),
		func(version string, over func(*clock.Mock) keyspace.Upstream) {
			seed := uint64(GinkgoRandomSeed())
			By(fmt.Sprintf("with seed %d", seed))
			c := newComparison(seed, over)
			c.redis.do("HELLO", version)
			ask(c.session, "HELLO", version)
			for done := 0; done < n; {
				done += c.step()
			}
		},
		Entry("in RESP2", "2", overServer),
		Entry("in RESP3", "3", overServer),
		Entry("in RESP3, with what is sealed in another Redis", "3", overRedis),
	)

	It("write scores as Redis does, however they are read", func() {
		c := newComparison(1, overServer)
		for _, member := range []string{"m", strings.Repeat("m", 64), strings.Repeat("m", 65)} {
			for _, score := range []string{
				"1e16", "1e17", "-1e17", "1e18", "4.6e18", "4611686018427387904", "4.7e18", "9.2e18", "1e19",
				"9007199254740993", "1.5", "0.1", "-0", "inf", "-inf",
			} {
				for _, args := range [][]string{
					{"DEL", "z"},
					{"ZADD", "z", score, member},
					{"ZSCAN", "z", "0"},
					{"ZSCORE", "z", member},
					{"ZRANGE", "z", "0", "-1", "WITHSCORES"},
				} {
					Expect(show(ask(c.session, args...))).To(Equal(show(c.redis.do(args...))), "%q", args)
				}
			}
		}
	})
})
