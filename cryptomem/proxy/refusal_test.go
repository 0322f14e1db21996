package proxy_test

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
)

// stuck is an upstream that has stopped to answer.
type stuck struct{ keyspace.Upstream }

func (stuck) Do(ctx context.Context, rs []*keyspace.Request) {
	<-ctx.Done()
	for _, r := range rs {
		r.Err = ctx.Err()
	}
}

var _ = Describe("A refusal", func() {
	var c *clock.Mock
	BeforeEach(func() {
		c = clock.NewMock()
		c.Set(time.Unix(1_700_000_000, 0))
	})
	members := func(command, name string, n int) []string {
		args := []string{command, name}
		for i := range n {
			args = append(args, strconv.Itoa(i))
		}
		return args
	}

	DescribeTable("says once what is over which limit:", func(want string, args []string) {
		s := sessionOn(keyspace.NewSealed(newWorld(c).client("spec"), c), c)
		Expect(show(ask(s, args...))).To(Equal("-ERR " + want + "\r\n"))
	},
		Entry("members", "value of 'set' would have 1025 members, limit 1024 (max_collection)", members("SADD", "set", 1025)),
		Entry("bytes", "value of 'hash' would have 70014 bytes, limit 65536 (max_collection_size)", []string{"HSET", "hash", "field", strings.Repeat("x", 70_000)}),
		Entry("a name", "too large: key is 70005 bytes with its namespace, limit 65535", []string{"SET", strings.Repeat("k", 70_000), "v"}),
		Entry("a name, behind a swap", "too large: key is 70005 bytes with its namespace, limit 65535", []string{"INCR", strings.Repeat("k", 70_000)}),
	)

	DescribeTable("names the setting when the time of a command is over:", func(args ...string) {
		s := sessionOn(stuck{}, c)
		answer := make(chan string, 1)
		go func() {
			defer GinkgoRecover()
			answer <- show(ask(s, args...))
		}()
		Eventually(func() chan string {
			c.Add(keyspace.DefaultTimeout)
			return answer
		}).Should(Receive(Equal("-ERR the time of a command is over (upstream_timeout)\r\n")))
	},
		Entry(nil, "INCR", "n"),
		Entry(nil, "MSETNX", "n", "1", "m", "2"),
		Entry(nil, "EVAL", "return redis.call('GET', KEYS[1])", "1", "n"),
	)
})
