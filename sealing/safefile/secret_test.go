//go:build unix

package safefile_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sealing/safefile"
)

// TestMain makes a process of another user out of this one, that reads a secret and
// says how it went.
func TestMain(m *testing.M) {
	name, ok := os.LookupEnv("SAFEFILE_SPEC_READS")
	if !ok {
		os.Exit(m.Run())
	}
	if _, err := safefile.ReadSecret(name, limit); err != nil {
		_, _ = os.Stdout.WriteString(err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

var _ = Describe("A secret file", func() {
	const app, other = 54001, 54002 // users, and groups
	var dir, name string
	BeforeEach(func() {
		var err error
		dir, err = os.MkdirTemp("/tmp", "safefile") // whose folders all may enter
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(os.RemoveAll, dir)
		Expect(os.Chmod(dir, 0o755)).To(Succeed())
		name = filepath.Join(dir, "secret")
		Expect(safefile.Create(name, []byte("secret"))).To(Succeed())
	})
	rootOnly := func() {
		GinkgoHelper()
		if os.Geteuid() != 0 {
			Skip("only root makes files of other users")
		}
	}
	give := func(user, group int, mode fs.FileMode) {
		GinkgoHelper()
		Expect(os.Chown(name, user, group)).To(Succeed())
		Expect(os.Chmod(name, mode)).To(Succeed())
	}
	// readAs reads the file as the user, in that group.
	readAs := func(user, group uint32) string {
		GinkgoHelper()
		cmd := exec.CommandContext(GinkgoT().Context(), "/proc/self/exe")
		cmd.Dir = "/"
		cmd.Env = append(os.Environ(), "SAFEFILE_SPEC_READS="+name)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user, Groups: []uint32{group}}}
		out, err := cmd.Output()
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
			Expect(err).NotTo(HaveOccurred())
		} else {
			Expect(exit.ExitCode()).To(Equal(1))
		}
		return string(out)
	}
	exposed := func(text string) {
		GinkgoHelper()
		_, err := safefile.ReadSecret(name, limit)
		var problem *safefile.ExposedError
		Expect(errors.As(err, &problem)).To(BeTrue(), "%v", err)
		Expect(problem.Error()).To(ContainSubstring(text))
		Expect(problem.Advice).NotTo(BeEmpty())
	}

	It("is read by its owner", func() {
		Expect(safefile.ReadSecret(name, limit)).To(BeEquivalentTo("secret"))
	})

	It("is not taken from a folder where everyone may put another, but from one that is sticky, as /tmp is", func() {
		Expect(os.Chmod(dir, 0o777)).To(Succeed())
		exposed("where everyone may put another in its place (mode 0777): chmod o-w " + dir)
		Expect(os.Chmod(dir, 0o777|fs.ModeSticky)).To(Succeed())
		Expect(safefile.ReadSecret(name, limit)).To(BeEquivalentTo("secret"))
	})

	It("is not taken from such a folder by way of a link either", func() {
		open := filepath.Join(dir, "open")
		Expect(os.Mkdir(open, 0o700)).To(Succeed())
		Expect(os.Rename(name, filepath.Join(open, "secret"))).To(Succeed())
		Expect(os.Chmod(open, 0o777)).To(Succeed())
		Expect(os.Symlink("open/secret", name)).To(Succeed())
		exposed("is in " + open)
	})

	It("of another user is not taken by root, except by a tool that keeps it in order", func() {
		rootOnly()
		give(app, app, 0o600)
		exposed("belongs to the user 54001, who could have put any key there, and this process is the user 0")
		Expect(safefile.ReadSecretOfAny(name, limit)).To(BeEquivalentTo("secret"))
	})

	It("of root for a group of others is changed by root with a tool that keeps it in order", func() {
		rootOnly()
		give(0, other, 0o440)
		exposed("may be accessed by others than its owner (mode 0440)")
		Expect(safefile.ReadSecretOfAny(name, limit)).To(BeEquivalentTo("secret"))
	})

	It("stays another user's when it is replaced by root, and keeps group and mode", func() {
		rootOnly()
		give(app, other, 0o640)
		Expect(safefile.Replace(name, safefile.Alike, func(f *os.File) error { return nil })).To(Succeed())
		info, err := os.Stat(name)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode()).To(Equal(fs.FileMode(0o640)))
		Expect(info.Sys().(*syscall.Stat_t).Uid).To(BeEquivalentTo(app))
		Expect(info.Sys().(*syscall.Stat_t).Gid).To(BeEquivalentTo(other))
	})

	It("of root that a group may read, as in a mounted secret, is read by a process in that group and by no other", func() {
		rootOnly()
		give(0, other, 0o440)
		Expect(readAs(app, other)).To(BeEmpty())
		Expect(readAs(app, app)).To(ContainSubstring("permission denied"))
		give(0, other, 0o444)
		Expect(readAs(app, other)).To(ContainSubstring("may be accessed by others than its owner (mode 0444)"))
		give(app, other, 0o440)
		Expect(readAs(app, other)).To(ContainSubstring("may be accessed by others than its owner (mode 0440)"))
	})

	DescribeTable("is private or not by its mode", func(mode fs.FileMode, user, group, self int, groups []int, want, wantOfAny bool) {
		Expect(safefile.IsPrivate(mode, user, group, false, self, groups...)).To(Equal(want))
		Expect(safefile.IsPrivate(mode, user, group, true, self, groups...)).To(Equal(wantOfAny), "for a tool")
	},
		Entry("for its owner alone", fs.FileMode(0o600), app, app, app, []int{app}, true, true),
		Entry("for a group of its owner", fs.FileMode(0o640), app, app, app, []int{app}, false, false),
		Entry("for a group of this process, by root's hand", fs.FileMode(0o440), 0, other, app, []int{app, other}, true, true),
		Entry("for a group of others, by root's hand", fs.FileMode(0o440), 0, other, app, []int{app}, false, false),
		Entry("for a group, where root itself reads", fs.FileMode(0o640), 0, 0, 0, []int{0}, false, false),
		Entry("for a group of others, by the hand of root, which reads", fs.FileMode(0o640), 0, other, 0, []int{0}, false, true),
		Entry("for a group of others, by another's hand, where root reads", fs.FileMode(0o640), app, other, 0, []int{0}, false, false),
		Entry("for a group that may write", fs.FileMode(0o660), 0, other, app, []int{other}, false, false),
		Entry("for all", fs.FileMode(0o444), 0, other, app, []int{other}, false, false),
	)
})
