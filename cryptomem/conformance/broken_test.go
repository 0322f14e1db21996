package conformance_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/conformance"
)

// bugs are servers with one bug each, and the cases that have to notice it.
var bugs = []struct {
	rules rules
	by    string // names of cases
}{
	{rules{bug: "answers out of order"}, "stream/answers-in-order"},
	{rules{bug: "refusals first"}, "stream/refusals-in-order"},
	{rules{bug: "large answers last"}, "stream/large-among-small"},
	{rules{bug: "takes a thousand at a time"}, "stream/many-before-reading"},
	{rules{bug: "wants a header in one piece"}, "stream/byte-by-byte stream/half-a-header"},
	{rules{bug: "wants a key in one piece"}, "stream/byte-by-byte stream/cut-anywhere"},
	{rules{bug: "executes before the last byte"}, "stream/half-a-request-does-nothing"},
	{rules{bug: "executes what was cut off"}, "stream/end-inside-a-request"},
	{rules{bug: "leaves the connection open"}, "stream/half-close magic/first-byte"},
	{rules{bug: "keys end at a zero byte"}, "stream/bytes-of-any-kind"},

	{rules{bug: "SET stores nothing"}, "set/stores"},
	{rules{bug: "SET leaves what is there"}, "set/replaces-the-value"},
	{rules{bug: "keys are known by all but their last byte"}, "set/one-key-of-many"},
	{rules{bug: "GET of nothing is OK"}, "get/nothing"},
	{rules{bug: "DELETE removes nothing"}, "delete/removes"},
	{rules{bug: "DELETE always says OK"}, "delete/nothing"},
	{rules{bug: "PING echoes 64 KiB at most"}, "ping/echoes values/longest"},
	{rules{bug: "PING takes no key"}, "ping/ignores-its-key"},
	{rules{bug: "ADD stores nothing"}, "add/stores-where-nothing-is"},
	{rules{bug: "ADD overwrites"}, "add/leaves-what-is-there"},
	{rules{bug: "ADD asks its own connection"}, "add/lets-one-of-many-win"},
	{rules{bug: "REPLACE stores nothing"}, "replace/stores-where-something-is"},
	{rules{bug: "REPLACE stores where nothing is"}, "replace/nothing"},
	{rules{bug: "TOUCH empties the value"}, "touch/leaves-the-value"},
	{rules{bug: "TOUCH of nothing is OK"}, "touch/nothing"},
	{rules{bug: "GETDEL leaves the item"}, "getdel/takes getdel/lets-one-of-many-win"},

	{rules{bug: "GETV tells no TTL"}, "getv/tells"},
	{rules{bug: "GETV tells the whole TTL"}, "getv/counts-down"},
	{rules{bug: "GETV of nothing is OK"}, "getv/nothing"},
	{rules{bug: "reading changes the version"}, "getv/reading-changes-nothing"},
	{rules{bug: "TOUCH keeps the version"}, "versions/grow-with-every-change"},
	{rules{bug: "versions begin anew with each item"}, "versions/grow-beyond-a-removal"},
	{rules{bug: "CAS tells the old version"}, "cas/swaps"},
	{rules{bug: "CAS takes any version"}, "cas/another-version cas/lets-one-of-many-win"},
	{rules{bug: "CAS stores where nothing is"}, "cas/nothing"},
	{rules{bug: "the version counts towards the limit"}, "cas/longest-value"},

	{rules{bug: "STATS tells all of everything"}, "stats/sections"},
	{rules{bug: "FLUSH leaves the key itself"}, "flush/prefix"},
	{rules{bug: "FLUSH needs a prefix"}, "flush/all frames/flush"},
	{rules{bug: "SCAN forgets names"}, "scan/names-every-item"},
	{rules{bug: "SCAN counts positions"}, "scan/while-items-come-and-go"},
	{rules{bug: "SCAN minds no prefix"}, "scan/only-the-prefix"},
	{rules{bug: "SCAN names what has expired"}, "scan/no-expired-item"},
	{rules{bug: "SCAN takes anything"}, "scan/malformed frames/scan-too-short"},

	{rules{bug: "an empty key is a key"}, "keys/empty frames/get-empty-key"},
	{rules{bug: "keys have 32 KiB at most"}, "keys/shortest-and-longest frames/set-longest-key"},
	{rules{bug: "an empty value is none"}, "values/empty frames/set-empty-value"},
	{rules{bug: "the limit is one less"}, "values/longest frames/set-longest-value"},
	{rules{bug: "takes what is too long"}, "values/too-long frames/set-too-long"},

	{rules{bug: "SET forgets the TTL"}, "ttl/set"},
	{rules{bug: "expires with the next second"}, "ttl/set ttl/expired-is-gone"},
	{rules{bug: "ADD forgets the TTL"}, "ttl/add"},
	{rules{bug: "REPLACE forgets the TTL"}, "ttl/replace"},
	{rules{bug: "CAS forgets the TTL"}, "ttl/cas"},
	{rules{bug: "TOUCH only prolongs"}, "ttl/touch-shortens"},
	{rules{bug: "the first TTL stays"}, "ttl/is-replaced"},
	{rules{bug: "DELETE finds what has expired"}, "ttl/expired-is-gone"},
	{rules{bug: "TTLs count in milliseconds"}, "ttl/one-nanosecond"},
	{rules{bug: "TOUCH of 0 is nothing"}, "ttl/zero"},
	{rules{bug: "the longest TTL wraps"}, "ttl/longest"},
	{rules{bug: "a negative TTL is none"}, "ttl/negative frames/set-negative-ttl frames/touch-negative-ttl"},
	{rules{bug: "GET minds its TTL"}, "ttl/ignored"},

	{rules{bug: "an unknown command ends the connection"}, "refused/unknown-command refused/any-reason-at-once frames/unknown-command"},
	{rules{bug: "GET takes a value"}, "refused/value-where-none-belongs frames/get-with-value frames/delete-with-value"},
	{rules{bug: "CAS takes half a version"}, "refused/cas-without-a-version"},
	{rules{bug: "answers before it has dropped"}, "refused/once-all-has-arrived"},
	{rules{bug: "drops no more than the limit"}, "refused/far-too-long"},
	{rules{bug: "drops no refused request"}, "refused/what-looks-like-requests frames/set-too-long"},
	{rules{bug: "holds a lock while a request arrives"}, "refused/declared-and-never-sent connections/slow-sender"},

	{rules{bug: "waits for a header before it looks"}, "magic/first-byte frames/bad-magic-first"},
	{rules{bug: "knows frames by their first byte"}, "magic/second-byte frames/bad-magic-second"},
	{rules{bug: "skips zeros"}, "magic/zeros"},
	{rules{bug: "closes without a word"}, "magic/http frames/http"},
	{rules{bug: "goes on behind bad magic"}, "magic/behind-requests"},
	{rules{bug: "bad magic ends every connection"}, "magic/closes-one-connection"},

	{rules{bug: "serves ten at a time"}, "connections/many"},
	{rules{bug: "one slow reader stops all"}, "connections/slow-reader"},
	{rules{bug: "waits for a request for ever", frameTimeout: 100 * time.Millisecond}, "connections/frame-timeout"},
	{rules{bug: "waits for a reader for ever", writeTimeout: 100 * time.Millisecond}, "connections/write-timeout"},
	{rules{bug: "waits for the next request for ever", idleTimeout: 100 * time.Millisecond}, "connections/idle-timeout"},
	{rules{bug: "keeps what nobody reads"}, "connections/stops-reading"},
	{rules{bug: "takes every connection", maxConnections: 20}, "connections/too-many"},

	{rules{bug: "AUTH is unknown"}, "auth/where-none-is-required frames/auth"},
	{rules{bug: "GET needs no AUTH", identity: "alice", token: "secret"}, "auth/required"},
	{rules{bug: "a stranger's large request ends the connection", identity: "alice", token: "secret"}, "auth/unbuffered"},
	{rules{bug: "drops what is behind AUTH", identity: "alice", token: "secret"}, "auth/pipelined"},
	{rules{bug: "says which of the two is wrong", identity: "alice", token: "secret"}, "auth/wrong"},
	{rules{bug: "lets everybody guess for ever", identity: "alice", token: "secret"}, "auth/third-failure"},
	{rules{bug: "an identity that is too long ends the connection", identity: "alice", token: "secret"}, "auth/too-long"},
	{rules{bug: "means denied and says error", identity: "alice", token: "secret", prefix: "alice/"}, "auth/not-allowed"},
	{rules{bug: "waits for AUTH for ever", identity: "alice", token: "secret", authTimeout: 100 * time.Millisecond}, "auth/timeout"},
}

var _ = Describe("A server with one bug", func() {
	for _, bug := range bugs {
		It("is caught: "+bug.rules.bug, func(ctx SpecContext) {
			_, target := serveSimple(bug.rules)
			target.Alone, target.Timeout = true, 300*time.Millisecond
			target.Grace = 300 * time.Millisecond
			by := strings.Fields(bug.by)
			found := results(ctx, conformance.OfServer(target), func(name string) bool { return slices.Contains(by, name) })
			for _, name := range by {
				Expect(found[name].Verdict).To(Equal(conformance.Failed), name+found[name].Why)
			}
		})
	}

	It("passes the same cases without it", func(ctx SpecContext) {
		tried := make(map[string]bool)
		var mu sync.Mutex
		var all sync.WaitGroup // most of their cases wait
		for _, setup := range []struct {
			rules
			cases string
		}{
			{rules{maxConnections: 60}, "*/*"},
			{rules{identity: "alice", token: "secret", prefix: "alice/"}, "*/*"},
			{rules{frameTimeout: 2 * limit}, "connections/frame-timeout"},
			{rules{writeTimeout: 2 * limit}, "connections/write-timeout"},
			{rules{idleTimeout: 2 * limit}, "connections/idle-timeout"},
			{rules{identity: "alice", token: "secret", authTimeout: 2 * limit}, "auth/timeout"},
		} {
			_, target := serveSimple(setup.rules)
			target.Alone = setup.prefix == ""
			target.Grace = 2 * limit
			wanted, err := conformance.Matching(setup.cases)
			Expect(err).NotTo(HaveOccurred())
			all.Go(func() {
				defer GinkgoRecover()
				found := results(ctx, conformance.OfServer(target), wanted)
				mu.Lock()
				defer mu.Unlock()
				for name, r := range found {
					Expect(r.Verdict).NotTo(Equal(conformance.Failed), fmt.Sprint(name, ": ", r.Why))
					tried[name] = tried[name] || r.Verdict == conformance.Passed
				}
			})
		}
		all.Wait()
		for _, bug := range bugs {
			for _, name := range strings.Fields(bug.by) {
				Expect(tried[name]).To(BeTrue(), name)
			}
		}
	})

	It("is there for every case but those that replay golden frames", func() {
		var caught []string
		for _, bug := range bugs {
			caught = append(caught, strings.Fields(bug.by)...)
		}
		for _, c := range conformance.OfServer(conformance.Server{}).Cases() {
			if !strings.HasPrefix(c.Name, "frames/") {
				Expect(caught).To(ContainElement(c.Name))
			}
		}
	})
})
