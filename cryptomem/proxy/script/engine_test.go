package script_test

import (
	"context"
	"fmt"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/script"
)

func load(e *script.Engine, source string) *script.Script {
	s, err := e.Load([]byte(source))
	Expect(err).NotTo(HaveOccurred())
	return s
}

func run(s *script.Script, args ...string) (resp.Reply, error) {
	return s.Run(context.Background(), &script.Run{
		Args: byteSlices(args),
		Call: func([][]byte, resp.Version) resp.Reply { return resp.ErrorReply("ERR no commands here") },
	})
}

// eval runs a script that stays within its limits and returns what it said.
func eval(e *script.Engine, source string, args ...string) string {
	reply, err := run(load(e, source), args...)
	Expect(err).NotTo(HaveOccurred())
	return string(reply.Append(nil, resp.RESP2))
}

var _ = Describe("An engine", func() {
	var engine *script.Engine
	BeforeEach(func() { engine = script.New(script.Limits{}) })

	It("finds a script that it was given by its SHA-1, in either case, until it is flushed", func() {
		const sha = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db" // of "return 1"
		_, ok := engine.Lookup(sha)
		Expect(ok).To(BeFalse())
		Expect(load(engine, "return 1").SHA()).To(Equal(sha))
		_, ok = engine.Lookup(strings.ToUpper(sha))
		Expect(ok).To(BeTrue())
		engine.Flush()
		_, ok = engine.Lookup(sha)
		Expect(ok).To(BeFalse())
	})

	It("keeps no script that does not compile", func() {
		_, err := engine.Load([]byte("return ("))
		Expect(err).To(MatchError("ERR Error compiling script (new function): user_script:1: unexpected symbol near '<eof>'"))
	})

	It("reads what a script's first line declares", func() {
		s := load(engine, "#!lua flags=no-writes,allow-stale\nreturn 1")
		Expect(s.Flags()).To(Equal(script.Flags{Declared: true, NoWrites: true, AllowStale: true}))
		Expect(load(engine, "return 1").Flags()).To(Equal(script.Flags{}))
	})

	It("forgets the scripts used longest ago beyond a count and a size", func() {
		engine := script.New(script.Limits{Scripts: 3})
		first, second := load(engine, "return 1"), load(engine, "return 2")
		load(engine, "return 3")
		_, ok := engine.Lookup(first.SHA())
		Expect(ok).To(BeTrue())
		load(engine, "return 4")
		_, ok = engine.Lookup(first.SHA())
		Expect(ok).To(BeTrue())
		_, ok = engine.Lookup(second.SHA())
		Expect(ok).To(BeFalse())

		engine = script.New(script.Limits{Cache: 4 << 10})
		first = load(engine, "return 1 -- "+strings.Repeat("x", 60))
		load(engine, "return 2 -- "+strings.Repeat("x", 60))
		_, ok = engine.Lookup(first.SHA())
		Expect(ok).To(BeFalse())
		Expect(eval(engine, "return 3 -- "+strings.Repeat("x", 200))).To(Equal(":3\r\n"), "one always fits")
	})

	It("refuses a script that is too long", func() {
		engine := script.New(script.Limits{Source: 10})
		_, err := engine.Load([]byte("return 12345"))
		Expect(err).To(MatchError("ERR script is 12 bytes, limit 10"))
	})

	It("lets no script see what another left", func() {
		for range 3 {
			Expect(eval(engine, "local before = tostring(ARGV.left)..tostring(KEYS.left) ARGV.left, KEYS.left = 1, 1 return before")).
				To(Equal("$6\r\nnilnil\r\n"))
			Expect(eval(engine, "local before = cjson.encode_max_depth() cjson.encode_max_depth(3) return before")).To(Equal(":1000\r\n"))
			Expect(eval(engine, "local c = coroutine.wrap(function() coroutine.yield(coroutine.running() ~= nil) end) return c()")).
				To(Equal(":1\r\n"))
			Expect(eval(engine, "return coroutine.running()")).To(Equal("$-1\r\n"))
			Expect(eval(engine, "local function f() return 1 + f() end return f()")).To(ContainSubstring("stack overflow"))
		}
	})

	It("runs scripts side by side", func() {
		s := load(engine, "local s = 0 for i = 1, 1000 do s = s + ARGV[1] end return {s, ARGV[1] .. '!'}")
		var wait sync.WaitGroup
		for n := range 16 {
			wait.Go(func() {
				defer GinkgoRecover()
				for range 20 {
					reply, err := run(s, fmt.Sprint(n))
					Expect(err).NotTo(HaveOccurred())
					Expect(reply.Elems[0].Int).To(BeEquivalentTo(1000 * n))
					Expect(string(reply.Elems[1].Bytes)).To(Equal(fmt.Sprint(n, "!")))
				}
			})
		}
		wait.Wait()
	})

	It("gives other random numbers to each script, and the same after the same seed", func() {
		Expect(eval(engine, "return tostring(math.random())")).NotTo(Equal(eval(engine, "return tostring(math.random())")))
		const seeded = "math.randomseed(7) return {math.random(1000), math.random(1000)}"
		Expect(eval(engine, seeded)).To(Equal(eval(engine, seeded)))
	})

	It("hands log lines over with their level", func() {
		var level int
		var message string
		s := load(engine, "redis.log(redis.LOG_WARNING, 'disk', 7, 'full')")
		_, err := s.Run(context.Background(), &script.Run{Log: func(l int, m string) { level, message = l, m }})
		Expect(err).NotTo(HaveOccurred())
		Expect(level).To(Equal(3))
		Expect(message).To(Equal("disk 7 full"))
	})
})

var _ = Describe("A script that goes too far", func() {
	var engine *script.Engine

	ends := func(limits script.Limits, source string, cause error) {
		GinkgoHelper()
		engine = script.New(limits)
		reply, err := run(load(engine, source))
		Expect(err).To(MatchError(cause))
		Expect(reply.Kind).To(Equal(resp.Error))
		Expect(string(reply.Bytes)).To(HavePrefix("ERR script "))
		Expect(string(reply.Bytes)).To(ContainSubstring(" script: "))
		Expect(eval(engine, "return 1")).To(Equal(":1\r\n"), "the next one runs")
	}

	DescribeTable("ends when its steps are used up", func(source string) {
		ends(script.Limits{Steps: 200_000, Memory: 64 << 20}, source, script.ErrTooManySteps)
	},
		Entry("in a loop", "while true do end"),
		Entry("in a loop that catches", "while true do pcall(function() while true do end end) end"),
		Entry("in nested catching", "local function f() pcall(f) f() end f()"),
		Entry("in xpcall", "while true do xpcall(function() while true do end end, function() while true do end end) end"),
		Entry("in tail calls", "local function f() return f() end f()"),
		Entry("in a coroutine", "coroutine.wrap(function() while true do end end)()"),
		Entry("in a coroutine that is resumed for ever",
			"local c = coroutine.wrap(function() while true do coroutine.yield() end end) while true do c() end"),
		Entry("in a metamethod", "local t = setmetatable({}, {__index = function() while true do end end}) return t.x"),
		Entry("in a sort", "local t = {} for i = 1, 100 do t[i] = i end table.sort(t, function() while true do end end)"),
		Entry("in a pattern", "return string.find(string.rep('a', 100), string.rep('a?', 100) .. string.rep('a', 100) .. 'b')"),
		Entry("in a pattern without end", "return string.find(string.rep('a', 5000), '(.-)*(.-)*(.-)*x')"),
		Entry("in replacing", "return string.gsub(string.rep('a', 100), 'a', function() while true do end end)"),
		Entry("in a loader", "return load(function() return ' ' end)"),
		Entry("in commands", "while true do redis.pcall('PING') end"),
		Entry("in what it loads", "loadstring('while true do end')()"),
		Entry("in counting", "for i = 1, math.huge do end"),
	)

	DescribeTable("ends when its memory is used up", func(source string) {
		ends(script.Limits{Memory: 1 << 20}, source, script.ErrOutOfMemory)
	},
		Entry("by doubling a text", "local s = 'x' while true do s = s .. s end"),
		Entry("by doubling a text and catching", "local s = 'x' while true do pcall(function() s = s .. s end) end"),
		Entry("by repeating", "return string.rep('x', 2^30)"),
		Entry("by repeating what is long", "return #string.rep(string.rep('x', 1000), 2^31 - 1)"),
		Entry("by filling a table", "local t = {} local i = 0 while true do i = i + 1 t[i] = i end"),
		Entry("by filling a table with texts for keys", "local t = {} local i = 0 while true do i = i + 1 t['k' .. i] = i end"),
		Entry("by an index far away", "local t = {} t[1000000] = 1"),
		Entry("by tables in tables", "local t = {} while true do t = {t} end"),
		Entry("by functions", "local f while true do local g = f f = function() return g end end"),
		Entry("by local functions", "local f while true do local g = f local function h() return g end f = h end"),
		Entry("by coroutines", "while true do coroutine.create(function() end) end"),
		Entry("by formatting", "local t = {} while true do t[#t + 1] = string.format('%99d', 1) end"),
		Entry("by replacing", "local s = string.rep('a', 1000) return string.gsub(s, 'a', s .. s)"),
		Entry("by table.insert", "local t = {} while true do table.insert(t, 'x') end"),
		Entry("by JSON", "local t = {} for i = 1, 30 do t = {t, t} end return cjson.encode(t)"),
		Entry("by what it returns", "local t = {} for i = 1, 100 do t = {t, t} end return t"),
		Entry("by packing", "local s = string.rep('x', 1000) local t = {} for i = 1, 5000 do t[i] = s end return cmsgpack.pack(t)"),
	)

	It("ends when its caller gives up", func() {
		engine := script.New(script.Limits{})
		ctx, cancel := context.WithCancel(context.Background())
		s := load(engine, "redis.call('PING') while true do end")
		_, err := s.Run(ctx, &script.Run{Call: func([][]byte, resp.Version) resp.Reply {
			cancel()
			return resp.Reply{Kind: resp.Simple, Bytes: []byte("PONG")}
		}})
		Expect(err).To(MatchError(context.Canceled))
	})
})

var _ = Describe("A reply that is nested without end", func() {
	It("ends with the error that Redis gives", func() {
		reply, err := run(load(script.New(script.Limits{}), "local t = {} t[1] = t return t"))
		Expect(err).NotTo(HaveOccurred())
		for reply.Kind == resp.Array {
			reply = reply.Elems[0]
		}
		Expect(string(reply.Bytes)).To(Equal("ERR reached lua stack limit"))
	})
})
