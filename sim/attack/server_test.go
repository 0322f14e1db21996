//go:build linux

package attack_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"

	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A server is a process of its own.
type server struct {
	process *exec.Cmd
	dir     string
	addr    string
	admin   string
	done    bool
}

// startServer starts one with these flags, to end with the spec.
func startServer(flags ...string) *server {
	GinkgoHelper()
	s := &server{dir: GinkgoT().TempDir()}
	s.start(flags...)
	DeferCleanup(s.stop)
	return s
}

func (s *server) start(flags ...string) {
	GinkgoHelper()
	log := gbytes.NewBuffer()
	s.process = exec.Command(binary, append([]string{"serve", "--addr", "127.0.0.1:0", "--admin", "localhost:0"}, flags...)...)
	s.process.Dir, s.process.Stderr, s.done = s.dir, log, false
	Expect(s.process.Start()).To(Succeed())
	said := func(what string) string {
		GinkgoHelper()
		line := regexp.MustCompile(what + `[^\n]* addr=([0-9a-z.:\[\]]+)`)
		Eventually(func() []byte { return log.Contents() }).Should(MatchRegexp(line.String()))
		return line.FindStringSubmatch(string(log.Contents()))[1]
	}
	s.addr, s.admin = said("msg=listening"), said("msg=.?admin")
}

func (s *server) stop() {
	GinkgoHelper()
	if s.done {
		return
	}
	s.done = true
	Expect(s.process.Process.Signal(os.Interrupt)).To(Succeed())
	Expect(s.process.Wait()).To(Succeed())
}

// resident returns the process's resident memory, in bytes.
func (s *server) resident() int64 {
	GinkgoHelper()
	return s.memory("VmRSS:")
}

// peak returns the most that it has been.
func (s *server) peak() int64 {
	GinkgoHelper()
	return s.memory("VmHWM:")
}

func (s *server) memory(what string) int64 {
	GinkgoHelper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	Expect(err).NotTo(HaveOccurred())
	_, rest, _ := strings.Cut(string(status), what)
	kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	Expect(err).NotTo(HaveOccurred())
	return kilobytes << 10
}

// files returns how many files the process has open.
func (s *server) files() int {
	GinkgoHelper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.process.Process.Pid))
	Expect(err).NotTo(HaveOccurred())
	return len(all)
}

// healthy expects the liveness probe to be answered.
func (s *server) healthy() {
	GinkgoHelper()
	r, err := http.Get("http://" + s.admin + "/healthz")
	Expect(err).NotTo(HaveOccurred())
	Expect(r.Body.Close()).To(Succeed())
	Expect(r.StatusCode).To(Equal(http.StatusOK))
}

// inFlight returns what the server says that peers hold, in bytes.
func (s *server) inFlight(p *peer) int64 {
	GinkgoHelper()
	var stats struct {
		InFlight int64 `json:"in_flight_bytes"`
	}
	Expect(json.Unmarshal(p.ask(frame(wire.Stats, "server", "")).Value, &stats)).To(Succeed())
	return stats.InFlight
}

// identities writes a file of who is who in the specs: the victim, who may see
// statistics; a reader; and a writer, whose items are bounded.
func identities() (flag, file string) {
	GinkgoHelper()
	file = filepath.Join(GinkgoT().TempDir(), "identities.yaml")
	text := fmt.Sprintf(`
victim: {tokens: [%q], prefixes: [""], stats: true}
reader: {tokens: [%q], prefixes: [""], read_only: true, stats: true}
writer: {tokens: [%q], prefixes: [""], stats: true, max_memory: 8MiB}
`, access.HashToken("victim"), access.HashToken("reader"), access.HashToken("writer"))
	Expect(os.WriteFile(file, []byte(text), 0o600)).To(Succeed())
	return "--identities", file
}
