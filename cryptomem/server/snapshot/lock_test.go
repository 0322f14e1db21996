package snapshot_test

import (
	"bufio"
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server/snapshot"
)

// lockVariable makes this test binary acquire the path that it holds instead,
// say how that went, and wait until its input ends.
const lockVariable = "CRYPTOMEM_SPEC_LOCK"

func acquireAndWait() {
	lock, err := snapshot.Acquire(os.Getenv(lockVariable))
	if err != nil {
		_, _ = os.Stdout.WriteString(err.Error() + "\n")
		return
	}
	_, _ = os.Stdout.WriteString("acquired\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = lock.Release()
}

var _ = Describe("The path of a snapshot", func() {
	var path string
	BeforeEach(func() { path = filepath.Join(GinkgoT().TempDir(), "store.snapshot") })

	// acquire has another process acquire the path, and returns what it said.
	acquire := func(ctx context.Context) (*exec.Cmd, string) {
		GinkgoHelper()
		other := exec.CommandContext(ctx, os.Args[0])
		other.Env = append(os.Environ(), lockVariable+"="+path)
		in, err := other.StdinPipe()
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { _ = in.Close(); _ = other.Wait() })
		out, err := other.StdoutPipe()
		Expect(err).NotTo(HaveOccurred())
		Expect(other.Start()).To(Succeed())
		said, err := bufio.NewReader(out).ReadString('\n')
		Expect(err).NotTo(HaveOccurred())
		return other, said
	}

	It("is for one process, and others are told which", func(ctx context.Context) {
		Expect(snapshot.InUse(path)).To(Succeed())
		holder, said := acquire(ctx)
		Expect(said).To(Equal("acquired\n"))
		pid := strconv.Itoa(holder.Process.Pid)
		_, err := snapshot.Acquire(path)
		Expect(err).To(MatchError(snapshot.ErrInUse))
		Expect(err).To(MatchError("snapshot " + path + ": in use by process " + pid))
		Expect(snapshot.InUse(path)).To(MatchError("in use by process " + pid))
		_, said = acquire(ctx)
		Expect(said).To(HaveSuffix("in use by process " + pid + "\n"))
	})

	It("is free once its holder has been killed, or has released it", func(ctx context.Context) {
		holder, _ := acquire(ctx)
		Expect(holder.Process.Kill()).To(Succeed())
		Expect(holder.Wait()).NotTo(Succeed())
		Expect(path + ".lock").To(BeAnExistingFile())
		Expect(snapshot.InUse(path)).To(Succeed())
		lock, err := snapshot.Acquire(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(lock.Release()).To(Succeed())
		_, said := acquire(ctx)
		Expect(said).To(Equal("acquired\n"))
	})

	It("stays free if another process only asks", func(ctx context.Context) {
		for range 3 {
			Expect(snapshot.InUse(path)).To(Succeed())
		}
		_, said := acquire(ctx)
		Expect(said).To(Equal("acquired\n"))
	})

	It("stays taken if its own process asks, or tries to take it again", func(ctx context.Context) {
		lock, err := snapshot.Acquire(path)
		Expect(err).NotTo(HaveOccurred())
		own := "in use by process " + strconv.Itoa(os.Getpid())
		Expect(snapshot.InUse(path)).To(MatchError(own))
		_, err = snapshot.Acquire(path)
		Expect(err).To(MatchError("snapshot " + path + ": " + own))
		_, said := acquire(ctx)
		Expect(said).To(HaveSuffix(own + "\n"))
		Expect(lock.Release()).To(Succeed())
		Expect(snapshot.InUse(path)).To(Succeed())
	})

	It("is in use or free regardless of what the lock file says", func() {
		lock, err := snapshot.Acquire(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(path+".lock", []byte("nobody\n"), 0o600)).To(Succeed())
		Expect(snapshot.InUse(path)).To(MatchError(snapshot.ErrInUse))
		Expect(snapshot.InUse(path)).To(MatchError("in use by another process"))
		Expect(lock.Release()).To(Succeed())
		Expect(os.WriteFile(path+".lock", []byte(strings.Repeat("1234567890", 1000)), 0o600)).To(Succeed())
		Expect(snapshot.InUse(path)).To(Succeed())
	})

	It("is locked without writing to what another has put in place of the lock file", func() {
		other := filepath.Join(filepath.Dir(path), "other")
		for _, text := range []string{"", "somebody's notes, longer than a process ID"} {
			Expect(os.WriteFile(other, []byte(text), 0o600)).To(Succeed())
			for _, put := range []func(from, to string) error{os.Symlink, os.Rename} {
				Expect(put(other, path+".lock")).To(Succeed())
				lock, err := snapshot.Acquire(path)
				Expect(err).NotTo(HaveOccurred())
				Expect(snapshot.InUse(path)).To(MatchError(snapshot.ErrInUse))
				Expect(lock.Release()).To(Succeed())
				if _, err := os.Stat(other); err == nil || text != "" {
					Expect(os.ReadFile(path + ".lock")).To(BeEquivalentTo(text))
				}
				Expect(os.Remove(path + ".lock")).To(Succeed())
			}
		}
	})

	It("has to be one that a file can be saved at", func() {
		_, err := snapshot.Acquire(filepath.Dir(path))
		Expect(err).To(MatchError(fs.ErrInvalid))
		Expect(err).To(MatchError(ContainSubstring("it is a directory, not a file")))
		_, err = snapshot.Acquire(filepath.Join(path, "missing"))
		Expect(err).To(MatchError(fs.ErrNotExist))
	})
})
