package proxy_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// A generator makes random commands, most of them valid.
type generator struct{ *rand.Rand }

func pick[T any](g generator, of ...T) T { return of[g.IntN(len(of))] }

var keys = []string{"s1", "s2", "h1", "h2", "z1", "z2", "t1", "t2", "l1", "l2", "k"}

func (g generator) key() string   { return pick(g, keys...) }
func (g generator) field() string { return pick(g, "a", "b", "c", "d", "e", "", "\x00\xff") }
func (g generator) value() string {
	return pick(g, "", "x", "hello", "10", "-1", "3.5", "9223372036854775807", "1e3", "\xc1CMh\x01", " 1", "01", "0x10", "inf", "long-"+strings.Repeat("y", g.IntN(80)))
}

func (g generator) int() string {
	return pick(g, "0", "1", "-1", "2", "-2", "3", "5", "10", "100", "-100", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "x", "1.5", "")
}

func (g generator) float() string {
	return pick(g, "0", "1", "-1", "0.1", "0.2", "1.5", "-2.5", "3e2", "1e17", "inf", "-inf", "nan", "x", "", "0x10", "1e400", "+1", " 1", "5.0")
}

func (g generator) bound() string {
	return pick(g, "", "", "(") + pick(g, "-inf", "+inf", "inf", "0", "1", "2", "3", "-1", "1.5", "x")
}

func (g generator) lex() string {
	return pick(g, "-", "+", "[a", "(a", "[b", "(c", "[d", "(", "[", "x", "")
}

func (g generator) seconds() string {
	return pick(g, "1000", "2000", "3000", "100000", "0", "-1", "-5", "9223372036854775807", "9223372036854775", "x", "-9223372036854775808")
}

func (g generator) at(unit int) string {
	return pick(g, strconv.Itoa(2_000_000_000*unit), strconv.Itoa(2_100_000_000*unit), "1", "0", "-1", "x")
}

func (g generator) expiry() []string {
	switch g.IntN(4) {
	case 0:
		return []string{pick(g, "EX", "ex"), g.seconds()}
	case 1:
		// None that ends while the specs run: Redis' clock goes on between
		// two commands, the session's does not.
		return []string{"PX", pick(g, "1000000", "5000000", "0", "-1", "-5", "9223372036854775807", "x", "-9223372036854775808")}
	case 2:
		return []string{"EXAT", g.at(1)}
	}
	return []string{"PXAT", g.at(1000)}
}

func (g generator) some(options ...string) (chosen []string) {
	for _, o := range options {
		if g.IntN(3) == 0 {
			chosen = append(chosen, o)
		}
	}
	return chosen
}

func (g generator) many(least int, one func() string) (all []string) {
	for range least + g.IntN(3) {
		all = append(all, one())
	}
	return all
}

func cat(parts ...any) (all []string) {
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			all = append(all, p)
		case []string:
			all = append(all, p...)
		}
	}
	return all
}

// arguments returns what stands behind a command's name.
func (g generator) arguments(name string) []string {
	k := g.key()
	switch name {
	case "set":
		args := cat(k, g.value(), g.some("NX", "XX", "GET"))
		if g.IntN(3) == 0 {
			args = cat(args, g.expiry())
		}
		return cat(args, g.some("KEEPTTL")[:0])
	case "setex":
		return cat(k, g.seconds(), g.value())
	case "psetex":
		return cat(k, pick(g, "1000000", "0", "-1", "x"), g.value())
	case "setnx", "getset", "append":
		return cat(k, g.value())
	case "getex":
		return cat(k, pick(g, g.expiry(), []string{"PERSIST"}, nil, []string{"KEEPTTL"}))
	case "mget", "exists", "touch", "del", "unlink":
		return g.many(1, g.key)
	case "mset":
		return cat(k, g.value(), g.key(), g.value())
	case "msetnx":
		return cat(k, g.value())
	case "getrange", "substr", "lrange", "ltrim", "zremrangebyrank":
		return cat(k, g.int(), g.int())
	case "setrange":
		return cat(k, pick(g, "0", "1", "5", "100", "-1", "x", "600000000"), g.value())
	case "incrby", "decrby", "lindex", "spop?":
		return cat(k, g.int())
	case "incrbyfloat":
		return cat(k, g.float())
	case "rename", "renamenx":
		return cat(k, g.key())
	case "expire":
		return cat(k, g.seconds(), g.some("NX", "XX", "GT", "LT"))
	case "pexpire":
		return cat(k, pick(g, "1000000", "2000000", "0", "-1", "x", "9223372036854775807"), g.some("NX", "XX", "GT", "LT"))
	case "expireat":
		return cat(k, g.at(1), g.some("NX", "XX", "GT", "LT"))
	case "pexpireat":
		return cat(k, g.at(1000), g.some("NX", "XX", "GT", "LT"))
	case "hset", "hmset":
		return cat(k, g.field(), g.value(), g.field(), g.value())
	case "hsetnx":
		return cat(k, g.field(), g.value())
	case "hget", "hexists", "hstrlen", "sismember", "zscore", "zrank", "zrevrank":
		return cat(k, g.field())
	case "hmget", "hdel", "sadd", "srem", "smismember", "lpush", "rpush", "zrem", "zmscore":
		return cat(k, g.many(1, g.field))
	case "hincrby":
		return cat(k, g.field(), g.int())
	case "hincrbyfloat":
		return cat(k, g.field(), g.float())
	case "hscan", "sscan", "zscan":
		return cat(k, pick(g, "0", "0", "0", "x"), pick(g, nil, []string{"MATCH", pick(g, "*", "a*", "[ab]", "?")}, []string{"COUNT", pick(g, "1000", "0", "-1", "x")}))
	case "zadd":
		return cat(k, g.some("NX", "XX", "GT", "LT", "CH", "INCR"), g.float(), g.field(), pick(g, nil, []string{g.float(), g.field()}))
	case "zincrby":
		return cat(k, g.float(), g.field())
	case "zcount", "zremrangebyscore":
		return cat(k, g.bound(), g.bound())
	case "zrange":
		switch g.IntN(3) {
		case 0:
			return cat(k, g.int(), g.int(), g.some("REV", "WITHSCORES"))
		case 1:
			return cat(k, g.bound(), g.bound(), "BYSCORE", g.some("REV", "WITHSCORES"), g.limit())
		}
		return cat(k, g.lex(), g.lex(), "BYLEX", g.some("REV"), g.limit())
	case "zrevrange":
		return cat(k, g.int(), g.int(), g.some("WITHSCORES"))
	case "zrangebyscore", "zrevrangebyscore":
		return cat(k, g.bound(), g.bound(), g.some("WITHSCORES"), g.limit())
	case "zpopmin", "zpopmax", "lpop", "rpop":
		return cat(k, pick(g, nil, []string{g.int()}))
	case "spop":
		return cat(k, pick(g, nil, []string{pick(g, "100", "0", "-1", "x")}))
	case "srandmember":
		return cat(k, pick(g, nil, []string{pick(g, "100", "0", "x")}))
	case "lset":
		return cat(k, g.int(), g.field())
	case "lrem":
		return cat(k, pick(g, "0", "1", "-1", "2", "-2", "x"), g.field())
	}
	return []string{k}
}

// command returns one random command.
func (g generator) command(names []string) []string {
	name := names[g.IntN(len(names))]
	args := g.arguments(name)
	switch g.IntN(40) {
	case 0:
		args = append(args, g.value())
	case 1:
		args = args[:len(args)-1]
	case 2:
		args[g.IntN(len(args))] = g.value()
	}
	if g.IntN(10) == 0 {
		name = strings.ToUpper(name)
	}
	return append([]string{name}, args...)
}

func (g generator) limit() []string {
	if g.IntN(2) == 0 {
		return nil
	}
	return []string{"LIMIT", g.int(), g.int()}
}
