package clients_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
	"github.com/Zezezknight/cryptomem/testdata/deadline"
)

// ChurnVariable says for how long clients are kept busy, such as 10m; the upstream
// is then restarted every 30 s. Without it, there are a few restarts in a row.
const ChurnVariable = "CRYPTOMEM_SPEC_CHURN"

const churnPause = 30 * time.Second

// A worker is a program that runs until its input ends. It writes a line now and
// then, and one that begins with WRONG if an answer was.
type worker struct {
	name  string
	cmd   *exec.Cmd
	stdin io.Closer
	lines chan string
	last  string
}

func startWorker(name string, p program, t target, dir string, args ...string) *worker {
	GinkgoHelper()
	host, port, err := net.SplitHostPort(t.addr)
	Expect(err).NotTo(HaveOccurred())
	argv := append(p.build(dir), args...)
	w := &worker{name: name, cmd: exec.Command(argv[0], argv[1:]...), lines: make(chan string)}
	w.cmd.Env = append(os.Environ(), "REDIS_HOST="+host, "REDIS_PORT="+port, "REDIS_URL=redis://"+t.addr+"/0")
	w.cmd.Dir, w.cmd.Stderr = dir, GinkgoWriter
	w.stdin, err = w.cmd.StdinPipe()
	Expect(err).NotTo(HaveOccurred())
	out, err := w.cmd.StdoutPipe()
	Expect(err).NotTo(HaveOccurred())
	Expect(w.cmd.Start()).To(Succeed())
	DeferCleanup(func() { _ = w.cmd.Process.Kill() }) // it has ended, unless something failed
	go func() {
		defer close(w.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			w.lines <- scan.Text()
		}
	}()
	return w
}

// progress waits until the worker has written some lines.
func (w *worker) progress(lines int) {
	GinkgoHelper()
	for range lines {
		line, ok := <-w.lines
		Expect(ok).To(BeTrue(), "%s ended after %q", w.name, w.last)
		Expect(line).To(HavePrefix("did "))
		w.last = line
	}
}

// end has the worker finish, and demands that it was satisfied.
func (w *worker) end() {
	GinkgoHelper()
	Expect(w.stdin.Close()).To(Succeed())
	for line := range w.lines {
		Expect(line).To(HavePrefix("did "))
		w.last = line
	}
	Expect(w.cmd.Wait()).To(Succeed(), w.name)
}

// all does the same with every worker at once.
func all(workers []*worker, do func(*worker)) {
	GinkgoHelper()
	var each sync.WaitGroup
	for _, w := range workers {
		each.Go(func() {
			defer GinkgoRecover()
			do(w)
		})
	}
	each.Wait()
}

// held is what the proxy's process holds: bytes and goroutines.
func held() (heap uint64, goroutines int) {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, runtime.NumGoroutine()
}

var _ = Describe("Five clients at once, while the upstream comes and goes", func() {
	churn := func(file string) string { return source("churn", file) }
	script := func(file string) program {
		return program{[]string{"node", "npm"}, func(dir string) []string {
			GinkgoHelper()
			Expect(os.Symlink(filepath.Join(packages(), "node_modules"), filepath.Join(dir, "node_modules"))).To(Succeed())
			copyFile(source("node", "package.json"), filepath.Join(dir, "package.json"))
			copyFile(churn(file), filepath.Join(dir, file))
			return []string{"node", filepath.Join(dir, file)}
		}}
	}
	programs := []struct {
		name string
		program
		args []string
	}{
		{"redis-py", program{[]string{debian}, func(string) []string { return []string{debian, churn("churn.py")} }}, nil},
		{"node redis", script("churn.js"), []string{"redis"}},
		{"ioredis", script("churn.js"), []string{"ioredis"}},
		{"the redis gem", program{[]string{"ruby"}, func(string) []string { return []string{"ruby", churn("churn.rb")} }}, nil},
		{"phpredis", program{[]string{"php"}, func(string) []string { return []string{"php", churn("churn.php")} }}, nil},
	}

	It("get errors and misses, but no wrong answer, and the proxy does not grow", Label(deadline.Unlimited), func() {
		for _, p := range programs {
			p.installed()
		}
		redis := valkeytest.Start(GinkgoTB())
		t := target{"proxy", serve(over("redis://"+redis.Addr, valkeystore.WithBackoff(0, 0))), nil}
		var workers []*worker
		for _, p := range programs {
			workers = append(workers, startWorker(p.name, p.program, t, GinkgoT().TempDir(), p.args...))
		}
		some := func(w *worker) { w.progress(2) }
		all(workers, some)
		heap, goroutines := held()

		for next := restarts(); next(func() { all(workers, some) }); {
			redis.Kill()
			all(workers, func(w *worker) { w.progress(1) }) // which may fail
			redis.Run()
		}
		all(workers, some)
		heapAfter, goroutinesAfter := held()
		all(workers, (*worker).end)
		for _, w := range workers {
			AddReportEntry(w.name, w.last)
		}
		AddReportEntry("held", fmt.Sprintf("%d KiB and %d goroutines, at first %d and %d", heapAfter>>10, goroutinesAfter, heap>>10, goroutines))
		const room = 8 << 20
		Expect(heapAfter).To(BeNumerically("<", heap+room))
		Expect(goroutinesAfter).To(BeNumerically("<=", goroutines+len(workers)))
	})
})

// restarts returns what reports whether there is one more, before which it has the
// clients do something, or go on for a while.
func restarts() func(busy func()) bool {
	GinkgoHelper()
	text := strings.TrimSpace(os.Getenv(ChurnVariable))
	if text == "" {
		const few = 3
		done := 0
		return func(busy func()) bool {
			busy()
			done++
			return done <= few
		}
	}
	long, err := time.ParseDuration(text)
	Expect(err).NotTo(HaveOccurred())
	clk := clock.New()
	end := clk.Now().Add(long)
	return func(busy func()) bool {
		for pause := clk.Now().Add(churnPause); clk.Now().Before(pause); {
			busy()
		}
		return clk.Now().Before(end)
	}
}
