package snapshot_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"

	"github.com/Zezezknight/cryptomem/cryptomem/server/snapshot"
)

// crashVariable makes this test binary save snapshots instead, to the path that
// it holds, until it is killed.
const crashVariable = "CRYPTOMEM_SPEC_SNAPSHOT"

const crashItems = 64

// saveUntilKilled saves generation after generation of the same keys, and says
// on standard output when it begins with one and when it is done.
func saveUntilKilled() {
	clk := clock.NewMock()
	c, err := cache.New(clk, cache.WithMaxMemory(16<<20))
	for generation := 1; err == nil; generation++ {
		for i := range crashItems {
			if _, err = c.Set(c.Now(), fmt.Append(nil, "key-", i), generationValue(generation), 0); err != nil {
				break
			}
		}
		fmt.Println("begin", generation)
		_, err = snapshot.Save(context.Background(), os.Getenv(crashVariable), c, clk)
		fmt.Println("done", generation)
	}
	fmt.Println("failed", err)
}

// generationValue is large enough that one save is many writes.
func generationValue(generation int) []byte {
	return []byte(strings.Repeat(fmt.Sprintf("%08d", generation), 2<<10))
}

// crash runs the child, kills it after a random number of microseconds of work
// in a random generation, and returns the last generation that was done and the
// last that was begun.
func crash(ctx context.Context, path string) (done, begun int) {
	GinkgoHelper()
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), crashVariable+"="+path)
	out, err := child.StdoutPipe()
	Expect(err).NotTo(HaveOccurred())
	Expect(child.Start()).To(Succeed())
	lines := bufio.NewScanner(out)
	last := 1 + rand.IntN(4)
	for lines.Scan() {
		word, number, _ := strings.Cut(lines.Text(), " ")
		generation, _ := strconv.Atoi(number)
		Expect(word).NotTo(Equal("failed"), lines.Text())
		if word == "done" {
			done = generation
			continue
		}
		begun = generation
		if generation == last {
			// A random moment: the child writes while this process spins.
			spin := 0
			for range rand.IntN(4_000_000) {
				spin++
			}
			Expect(child.Process.Kill()).To(Succeed())
		}
	}
	_, _ = io.Copy(io.Discard, out)
	Expect(child.Wait()).NotTo(Succeed())
	return done, max(begun, done)
}

var _ = Describe("A save that is killed", func() {
	// Four series, which processes may share.
	DescribeTable("leaves the last whole snapshot, 100 times of 100", func(ctx context.Context) {
		path := filepath.Join(GinkgoT().TempDir(), "cache.snapshot")
		clk := clock.NewMock()
		brokenOff := 0
		before := 0 // the generation that the previous round left
		for range 25 {
			done, begun := crash(ctx, path)
			c := newCache(clk)
			loaded, err := snapshot.Load(context.Background(), path, c, clk)
			if before == 0 && done == 0 && err != nil {
				Expect(err).To(MatchError(os.ErrNotExist)) // nothing was ever whole
				continue
			}
			Expect(err).NotTo(HaveOccurred())
			Expect(loaded.Whole).To(BeTrue())
			Expect(loaded.Stored).To(BeEquivalentTo(crashItems))
			value, _, ok := c.GetAppend(c.Now(), nil, []byte("key-0"))
			Expect(ok).To(BeTrue())
			generation, err := strconv.Atoi(string(value[:8]))
			Expect(err).NotTo(HaveOccurred())
			if done > 0 {
				Expect(generation).To(BeNumerically(">=", done), "a snapshot that was done is lost")
			} else {
				Expect(generation).To(Or(Equal(before), Equal(begun)), "an older snapshot than the last is back")
			}
			Expect(generation).To(Or(Equal(before), BeNumerically("<=", begun)))
			for i := range crashItems {
				value, _, ok := c.GetAppend(c.Now(), nil, fmt.Append(nil, "key-", i))
				Expect(ok).To(BeTrue())
				Expect(value).To(Equal(generationValue(generation)), "items of two snapshots are mixed")
			}
			if _, err := os.Stat(path + ".tmp"); err == nil {
				brokenOff++
			}
			before = generation
		}
		Expect(brokenOff).To(BeNumerically(">", 0), "no kill ever hit a save")
		AddReportEntry("saves broken off", brokenOff, ReportEntryVisibilityFailureOrVerbose)
	},
		Entry("the first 25", NodeTimeout(2*time.Minute)),
		Entry("another 25", NodeTimeout(2*time.Minute)),
		Entry("25 more", NodeTimeout(2*time.Minute)),
		Entry("the last 25", NodeTimeout(2*time.Minute)),
	)
})
