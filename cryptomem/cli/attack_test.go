//go:build linux

package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// The server is a process of its own, built as it is shipped, so that what is
// weighed is what the system sees.
var _ = Describe("A server process under attack", Ordered, func() {
	var pid int
	var addr string
	var served atomic.Int64 // requests of a good client
	failed := make(chan error, 1)
	// before is the resident memory of the server before the attack.
	var before int64

	// resident returns the process's resident memory, in bytes.
	resident := func() int64 {
		GinkgoHelper()
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		Expect(err).NotTo(HaveOccurred())
		_, rest, _ := strings.Cut(string(status), "VmRSS:")
		kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		Expect(err).NotTo(HaveOccurred())
		return kilobytes << 10
	}
	// service waits until the good client has been served some more.
	service := func() {
		GinkgoHelper()
		enough := served.Load() + 100
		Eventually(served.Load).WithTimeout(time.Minute).Should(BeNumerically(">", enough))
		Expect(failed).NotTo(Receive())
	}
	dial := func() *net.TCPConn {
		GinkgoHelper()
		c, err := net.Dial("tcp", addr)
		Expect(err).NotTo(HaveOccurred())
		return c.(*net.TCPConn)
	}
	frame := func(c wire.Command, key, value string) []byte {
		GinkgoHelper()
		b, err := wire.AppendRequest(nil, &wire.Request{Command: c, Key: []byte(key), Value: []byte(value)})
		Expect(err).NotTo(HaveOccurred())
		return b
	}

	BeforeAll(func() {
		binary, err := gexec.BuildWithEnvironment("github.com/Zezezknight/cryptomem/cryptomem/cmd", []string{"CGO_ENABLED=0"})
		Expect(err).NotTo(HaveOccurred())
		server := exec.Command(binary, "serve", "--addr", "127.0.0.1:0", "--max-memory", "64MiB")
		server.Dir = GinkgoT().TempDir()
		log := gbytes.NewBuffer()
		server.Stderr = log
		Expect(server.Start()).To(Succeed())
		pid = server.Process.Pid
		DeferCleanup(func() {
			Expect(server.Process.Signal(os.Interrupt)).To(Succeed())
			Expect(server.Wait()).To(Succeed())
		})
		Eventually(log).WithTimeout(time.Minute).Should(gbytes.Say("msg=listening addr=[0-9.:]+"))
		addr = regexp.MustCompile(`addr=([0-9.:]+)`).FindStringSubmatch(string(log.Contents()))[1]

		ctx, stop := context.WithCancel(context.Background())
		client, err := cryptomem.Dial(ctx, addr, cryptomem.WithSecret(bytes.Repeat([]byte{1}, 32)), cryptomem.WithAttempts(1))
		Expect(err).NotTo(HaveOccurred())
		Expect(client.Set(ctx, "large", make([]byte, 1<<19))).To(Succeed())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for n := 0; ctx.Err() == nil; n++ {
				key, value := strconv.Itoa(n%1000), strconv.Itoa(n)
				err := client.Set(context.Background(), key, []byte(value))
				var got []byte
				if err == nil {
					got, err = client.Get(context.Background(), key)
				}
				if err == nil && string(got) != value {
					err = fmt.Errorf("got %q, stored %q", got, value)
				}
				if err != nil {
					failed <- err
					return
				}
				served.Add(1)
			}
		}()
		DeferCleanup(func() {
			stop()
			<-done
			Expect(client.Close()).To(Succeed())
		})
	})

	// attack has so many clients at once do something with a connection, and
	// returns how much memory the server has when they have.
	attack := func(clients int, behave func(i int, c *net.TCPConn)) (during int64) {
		GinkgoHelper()
		open := make([]*net.TCPConn, clients)
		for i := range open {
			open[i] = dial()
			behave(i, open[i])
		}
		service()
		during = resident()
		for _, c := range open {
			_ = c.Close() // unless behave has
		}
		service()
		return during
	}
	attacks := []struct {
		by      string
		clients int
		behave  func(i int, c *net.TCPConn)
	}{
		{"a thousand clients whose requests never arrive whole", 1000, func(_ int, c *net.TCPConn) {
			_, _ = c.Write([]byte("CM\x01"))
		}},
		{"clients that ask for much and read nothing", 100, func(_ int, c *net.TCPConn) {
			_, _ = c.Write(bytes.Repeat(frame(wire.Get, "large", ""), 1000))
		}},
		{"clients that declare values of 4 GiB", 500, func(_ int, c *net.TCPConn) {
			declared := frame(wire.Set, "k", "")
			copy(declared[5:], "\xff\xff\xff\xff") // the value's length
			_, _ = c.Write(append(declared, make([]byte, 4<<10)...))
		}},
		{"a flood of connections", 4000, func(_ int, c *net.TCPConn) { _ = c.Close() }},
		{"clients that speak nonsense", 500, func(_ int, c *net.TCPConn) {
			_, _ = io.CopyN(c, rand.Reader, 1000)
		}},
		{"clients that end half a connection, or reset all of it", 1000, func(i int, c *net.TCPConn) {
			whole := frame(wire.Set, "k", "value")
			_, _ = c.Write(whole[:i%len(whole)])
			if i%2 == 0 {
				_ = c.CloseWrite()
				return
			}
			_ = c.SetLinger(0)
			_ = c.Close()
		}},
	}

	BeforeAll(func() {
		for _, a := range attacks {
			attack(a.clients, a.behave) // for what the runtime keeps of each connection that there ever was at once, and pages of the program
		}
		Eventually(func() (change int64) {
			was := before
			before = resident()
			return before - was
		}).WithPolling(2 * scavengeInterval).WithTimeout(time.Minute).Should(BeNumerically("~", 0, 256<<10))
	})

	for _, a := range attacks {
		It("by "+a.by+" serves the others, and gives back what it took", func() {
			during := attack(a.clients, a.behave)
			Expect(during-before).To(BeNumerically("<", 24<<20), "bytes taken")
			Eventually(resident).WithPolling(scavengeInterval/4).WithTimeout(time.Minute).Should(BeNumerically("<", before*11/10), "within a tenth of %d before", before)
			service()
			AddReportEntry("resident", fmt.Sprintf("before %d KiB, during %d KiB, after %d KiB", before>>10, during>>10, resident()>>10))
		})
	}
})
