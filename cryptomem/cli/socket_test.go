//go:build unix

package cli

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ = Describe("A Unix socket", func() {
	var path string
	BeforeEach(func() { path = filepath.Join(GinkgoT().TempDir(), "s") })

	// answers reports whether somebody listens.
	answers := func() bool {
		c, err := net.Dial("unix", path)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}
	// abandoned leaves a socket as a killed server does.
	abandoned := func() {
		GinkgoHelper()
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		Expect(err).NotTo(HaveOccurred())
		l.SetUnlinkOnClose(false)
		Expect(l.Close()).To(Succeed())
		Expect(path).To(BeAnExistingFile())
	}

	It("lets no client in before it has its mode, which no umask changes", func(ctx SpecContext) {
		defer syscall.Umask(syscall.Umask(0))
		l, err := listenWithoutRights(ctx, path)
		Expect(err).NotTo(HaveOccurred())
		info, err := os.Lstat(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(BeZero())
		Expect(l.Close()).To(Succeed())

		syscall.Umask(0o077)
		l, err = listenUnix(ctx, path, 0o666)
		Expect(err).NotTo(HaveOccurred())
		info, err = os.Lstat(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(BeEquivalentTo(0o666))
		Expect(l.Close()).To(Succeed())
	})

	It("is removed at the end, however often that comes", func(ctx SpecContext) {
		l, err := listenUnix(ctx, path, 0o600)
		Expect(err).NotTo(HaveOccurred())
		Expect(l.Addr().String()).To(Equal(path))
		Expect(answers()).To(BeTrue())
		Expect(l.Close()).To(Succeed())
		Expect(l.Close()).To(Succeed())
		Expect(path).NotTo(BeAnExistingFile())
	})

	It("takes the place of one that a killed server left behind", func(ctx SpecContext) {
		abandoned()
		l, err := listenUnix(ctx, path, 0o600)
		Expect(err).NotTo(HaveOccurred())
		Expect(answers()).To(BeTrue())
		Expect(l.Close()).To(Succeed())
	})

	It("is never taken from a server that lives", func(ctx SpecContext) {
		l, err := listenUnix(ctx, path, 0o600)
		Expect(err).NotTo(HaveOccurred())
		_, err = listenOn(ctx, "unix:"+path, 0o600)
		Expect(err).To(MatchError("listen on unix:" + path + ": it is in use: another server answers there"))
		Expect(answers()).To(BeTrue())
		Expect(l.Close()).To(Succeed())
	})

	It("is named once when it is TCP's and taken", func(ctx SpecContext) {
		first, err := listenOn(ctx, "127.0.0.1:0", 0)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(first[0].Close)
		addr := first[0].Addr().String()
		_, err = listenOn(ctx, addr, 0)
		Expect(err).To(MatchError(syscall.EADDRINUSE))
		Expect(err).To(MatchError("listen on " + addr + ": bind: address already in use"))
	})

	It("does not replace a file that is something else", func(ctx SpecContext) {
		Expect(os.WriteFile(path, []byte("precious"), 0o600)).To(Succeed())
		_, err := listenUnix(ctx, path, 0o600)
		Expect(err).To(MatchError("the name is in use by a file that is no socket"))
		Expect(os.ReadFile(path)).To(BeEquivalentTo("precious"))
	})

	It("goes to one of many servers that find an abandoned one at once", func(ctx SpecContext) {
		for range 50 {
			abandoned()
			var all sync.WaitGroup
			var won atomic.Pointer[net.Listener]
			var wins atomic.Int32
			for range 8 {
				all.Go(func() {
					if l, err := listenUnix(ctx, path, 0o600); err == nil {
						won.Store(&l)
						wins.Add(1)
					}
				})
			}
			all.Wait()
			Expect(wins.Load()).To(BeEquivalentTo(1))
			Expect(answers()).To(BeTrue())
			Expect((*won.Load()).Close()).To(Succeed())
			Expect(path).NotTo(BeAnExistingFile())
		}
	})

	It("is free for the next server while one leaves it", func(ctx SpecContext) {
		for range 200 {
			l, err := listenUnix(ctx, path, 0o600)
			Expect(err).NotTo(HaveOccurred())
			left := make(chan error, 1)
			go func() { left <- l.Close() }()
			var next net.Listener
			Eventually(func() (err error) {
				next, err = listenUnix(ctx, path, 0o600)
				return err
			}).Should(Succeed())
			Expect(<-left).To(Succeed())
			Expect(answers()).To(BeTrue())
			Expect(next.Close()).To(Succeed())
		}
	})

	It("is left alone at the end if it is another server's by then", func(ctx SpecContext) {
		first, err := listenUnix(ctx, path, 0o600)
		Expect(err).NotTo(HaveOccurred())
		Expect(os.Remove(path)).To(Succeed())
		second, err := listenUnix(ctx, path, 0o600)
		Expect(err).NotTo(HaveOccurred())
		Expect(first.Close()).To(Succeed())
		Expect(answers()).To(BeTrue())
		Expect(second.Close()).To(Succeed())
	})

	Describe("for the admin pages", func() {
		var addr, adminPath string
		start := func(args ...string) *exec.Cmd {
			GinkgoHelper()
			cmd := exec.Command("cryptomem", append([]string{"serve", "--addr", addr, "--admin", "unix:" + adminPath}, args...)...)
			cmd.Stderr = GinkgoWriter
			Expect(cmd.Start()).To(Succeed())
			DeferCleanup(func() { _ = cmd.Process.Kill() })
			return cmd
		}
		// serves waits until clients are served, and the admin listener was opened before.
		serves := func() {
			GinkgoHelper()
			Eventually(answers, time.Minute).Should(BeTrue())
		}
		BeforeEach(func() {
			addr, adminPath = "unix:"+path, path+".admin"
		})

		It("is taken over from a killed server, has no rights for others, and is removed at the end", func() {
			killed := start()
			serves()
			Expect(killed.Process.Kill()).To(Succeed())
			_ = killed.Wait()
			Expect(adminPath).To(BeAnExistingFile())

			next := start("--unix-mode", "0666")
			serves()
			info, err := os.Lstat(adminPath)
			Expect(err).NotTo(HaveOccurred())
			Expect(info.Mode().Perm()).To(BeEquivalentTo(0o660))
			Expect(next.Process.Signal(syscall.SIGTERM)).To(Succeed())
			Expect(next.Wait()).To(Succeed())
			Expect(adminPath).NotTo(BeAnExistingFile())
			Expect(path).NotTo(BeAnExistingFile())
		})

		It("is not left behind by a start that fails later", func() {
			Expect(os.WriteFile(path, nil, 0o600)).To(Succeed())
			Expect(start().Wait()).To(MatchError("exit status 3"))
			Expect(adminPath).NotTo(BeAnExistingFile())
		})
	})
})

var _ = Describe("A server that is told to end", func() {
	It("ends at once when it is told so again, though a client keeps it waiting", func() {
		path := filepath.Join(GinkgoT().TempDir(), "s")
		cmd := exec.Command("cryptomem", "serve", "--addr", "unix:"+path, "--shutdown-timeout", "1h")
		cmd.Stderr = GinkgoWriter
		Expect(cmd.Start()).To(Succeed())
		DeferCleanup(func() { _ = cmd.Process.Kill() })
		var greedy net.Conn
		Eventually(func() (err error) {
			greedy, err = net.Dial("unix", path)
			return err
		}, time.Minute).Should(Succeed())
		DeferCleanup(func() { _ = greedy.Close() })
		// It asks for more than the socket holds, and reads nothing.
		input, err := wire.AppendRequest(nil, &wire.Request{Command: wire.Set, Key: []byte("k"), Value: make([]byte, 1<<20)})
		Expect(err).NotTo(HaveOccurred())
		input, err = wire.AppendRequest(input, &wire.Request{Command: wire.Get, Key: []byte("k")})
		Expect(err).NotTo(HaveOccurred())
		_, err = greedy.Write(input)
		Expect(err).NotTo(HaveOccurred())
		_, err = io.ReadFull(greedy, make([]byte, wire.ResponseHeaderSize+1))
		Expect(err).NotTo(HaveOccurred())
		Expect(cmd.Process.Signal(syscall.SIGTERM)).To(Succeed())
		Eventually(path).ShouldNot(BeAnExistingFile())
		// What reloads and what asks again comes too late to change anything.
		Expect(cmd.Process.Signal(syscall.SIGHUP)).To(Succeed())
		Consistently(func() error { return cmd.Process.Signal(syscall.Signal(0)) }, "200ms").Should(Succeed())
		Expect(cmd.Process.Signal(syscall.SIGTERM)).To(Succeed())
		Expect(cmd.Wait()).To(MatchError("signal: terminated"))
	})
})
