package sealing_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sealing"
)

var _ = Describe("A key file", func() {
	var path string
	BeforeEach(func() { path = filepath.Join(GinkgoT().TempDir(), "keys.json") })

	It("gives back the keyring that was written", func() {
		kr := fresh()
		retired, primary := generate(kr), generate(kr)
		Expect(kr.Promote(primary)).To(Succeed())
		Expect(kr.Retire(retired)).To(Succeed())
		Expect(kr.CreateFile(path)).To(Succeed())

		got, err := sealing.ReadKeyFile(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(got.Keys()).To(Equal(utc(kr.Keys())))
		a, b := sealer(kr, sealing.WithBlindNames()), sealer(got, sealing.WithBlindNames())
		envelope, err := a.Seal(nil, []byte("name"), []byte("value"), never, stamp)
		Expect(err).NotTo(HaveOccurred())
		Expect(b.Open(nil, []byte("name"), envelope, now)).To(Equal([]byte("value")))
		Expect(b.AppendWireName(nil, []byte("name"))).To(Equal(a.AppendWireName(nil, []byte("name"))))
	})

	It("is only its owner's, however lax the umask and the file before it", func() {
		kr := fresh()
		Expect(kr.CreateFile(path)).To(Succeed())
		Expect(mode(path)).To(Equal(fs.FileMode(0o600)))
		Expect(os.Chmod(path, 0o666)).To(Succeed())
		Expect(kr.WriteFile(path)).To(Succeed())
		Expect(mode(path)).To(Equal(fs.FileMode(0o600)))
	})

	It("is not made over another, which is left as it was", func() {
		Expect(os.WriteFile(path, []byte("precious"), 0o600)).To(Succeed())
		Expect(fresh().CreateFile(path)).To(MatchError(fs.ErrExist))
		Expect(os.ReadFile(path)).To(Equal([]byte("precious")))
	})

	It("is written for people to read, too: indented, one field a line", func() {
		Expect(fresh().CreateFile(path)).To(Succeed())
		text, err := os.ReadFile(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(text)).To(MatchRegexp(`(?s)^\{\n  "version": 1,\n  "primary": "[0-9a-f]{8}",\n.*\n\}\n$`))
	})

	It("leaves nothing half written beside it", func() {
		Expect(fresh().WriteFile(path)).To(Succeed())
		Expect(fresh().WriteFile(filepath.Join(path, "not a directory"))).NotTo(Succeed())
		Expect(os.Mkdir(path+".d", 0o700)).To(Succeed())
		Expect(fresh().WriteFile(path + ".d")).NotTo(Succeed())
		entries, err := os.ReadDir(filepath.Dir(path))
		Expect(err).NotTo(HaveOccurred())
		Expect(entries).To(HaveLen(2))
	})

	DescribeTable("that others may access is refused", func(m fs.FileMode) {
		Expect(fresh().CreateFile(path)).To(Succeed())
		Expect(os.Chmod(path, m)).To(Succeed())
		_, err := sealing.ReadKeyFile(path)
		Expect(err).To(MatchError(fmt.Sprintf(
			"sealing: %s may be accessed by others than its owner (mode %04o): chmod 600 it", path, m)))
	},
		Entry("group reads", fs.FileMode(0o640)),
		Entry("group writes", fs.FileMode(0o620)),
		Entry("all read", fs.FileMode(0o604)),
		Entry("all execute", fs.FileMode(0o601)),
		Entry("all do all", fs.FileMode(0o777)),
	)

	It("that is not there says so", func() {
		_, err := sealing.ReadKeyFile(path)
		Expect(err).To(MatchError(fs.ErrNotExist))
	})

	It("that is a directory is refused", func() {
		_, err := sealing.ReadKeyFile(filepath.Dir(path))
		Expect(err).To(MatchError(ContainSubstring("not a regular file")))
	})

	const good = `{"version":1,"primary":"00000001","keys":[{"id":"00000001","state":"enabled","secret":"SECRET"}]}`
	valid := base64.StdEncoding.EncodeToString(secret)
	read := func(content string) error {
		GinkgoHelper()
		Expect(os.WriteFile(path, []byte(strings.ReplaceAll(content, "SECRET", valid)), 0o600)).To(Succeed())
		_, err := sealing.ReadKeyFile(path)
		return err
	}

	It("may be as short as this", func() { Expect(read(good)).To(Succeed()) })

	It("may begin with a byte order mark", func() {
		Expect(read("\xef\xbb\xbf" + good)).To(Succeed())
		_, err := sealing.ParseKeyFile([]byte("\xef\xbb\xbf" + strings.ReplaceAll(good, "SECRET", valid)))
		Expect(err).NotTo(HaveOccurred())
	})

	It("is changed in place, and stays as it was when the change fails", func() {
		Expect(sealing.ChangeKeyFile(path, func(*sealing.Keyring) error {
			Fail("there is nothing to change yet")
			return nil
		})).To(MatchError(fs.ErrNotExist))
		Expect(fresh().CreateFile(path)).To(Succeed())
		before, err := os.ReadFile(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(sealing.ChangeKeyFile(path, func(kr *sealing.Keyring) error { return kr.Promote(1) })).To(MatchError(ContainSubstring("no key 00000001")))
		Expect(os.ReadFile(path)).To(Equal(before))
		Expect(sealing.ChangeKeyFile(path, func(kr *sealing.Keyring) error {
			_, err := kr.Generate(now)
			return err
		})).To(Succeed())
		kr, err := sealing.ReadKeyFile(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(kr.Keys()).To(HaveLen(2))
	})

	It("of another user is listed and changed by root, who seals nothing with it", func() {
		if os.Geteuid() != 0 {
			Skip("only root can give a file away")
		}
		Expect(fresh().CreateFile(path)).To(Succeed())
		Expect(os.Chown(path, 65534, 65534)).To(Succeed())
		_, err := sealing.ReadKeyFile(path)
		Expect(err).To(MatchError(ContainSubstring("belongs to the user 65534")))
		kr, err := sealing.ReadKeyFileOfAny(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(kr.Keys()).To(HaveLen(1))
		Expect(sealing.ChangeKeyFile(path, func(kr *sealing.Keyring) error {
			_, err := kr.Generate(now)
			return err
		})).To(Succeed())
	})

	DescribeTable("that says anything else is refused, with the reason and no secret", func(old, new, reason string) {
		Expect(good).To(ContainSubstring(old))
		err := read(strings.Replace(good, old, new, 1))
		Expect(err).To(MatchError(And(ContainSubstring(path), ContainSubstring(reason))))
		Expect(err.Error()).NotTo(ContainSubstring(valid))
		Expect(err.Error()).NotTo(ContainSubstring(string(secret)))
		Expect(err.Error()).NotTo(ContainSubstring("leak"))
	},
		Entry("nothing", good, "", "no key file: it is empty"),
		Entry("a number", good, "1", "no key file: a value of the wrong type ends at byte 1"),
		Entry("another secret", good, "hunter2", "no key file: it is not JSON, from byte 1 on"),
		Entry("half a file", `]}`, "", "no key file: its end is missing"),
		Entry("something behind it", `]}`, `]}{}`, "something follows"),
		Entry("a field that is not known", `"version"`, `"comment":"","version"`, `unknown field "comment"`),
		Entry("a later version", `"version":1`, `"version":2`, "version 2, want 1"),
		Entry("no version", `"version":1,`, ``, "version 0, want 1"),
		Entry("no keys", `{"id":"00000001","state":"enabled","secret":"SECRET"}`, "", "no key 00000001"),
		Entry("a primary that is not there", `"primary":"00000001"`, `"primary":"00000002"`, "no key 00000002"),
		Entry("a primary that is retired", `"enabled","secret":"SECRET"`, `"retired"`, "key 00000001 is retired"),
		Entry("a retired key's secret", `enabled`, `retired`, "a retired key has no secret"),
		Entry("a state that is not known", `enabled`, `on`, `state is "on", must be "enabled" or "retired"`),
		Entry("an id that is none", `"id":"00000001"`, `"id":"1"`, `"1" is not 8 hexadecimal digits`),
		Entry("a short secret", `SECRET`, `bGVhaw==`, "secret is 4 bytes, must be exactly 32"),
		Entry("no secret", `,"secret":"SECRET"`, ``, "secret is 0 bytes"),
		Entry("a secret that is not base64", `"SECRET"`, `"leak!"`, "not base64"),
		Entry("a secret that is a number", `"SECRET"`, `1`, "no key file"),
		Entry("a secret of zeros", `SECRET`, strings.Repeat("A", 43)+"=", "secret is 32 zero bytes, must be random"),
		Entry("a name root of zeros", `"keys"`, `"name_root":"`+strings.Repeat("A", 43)+`=","keys"`, "name root is 32 zero bytes"),
		Entry("a cut that is no time", `"primary"`, `"not_before":"soon","primary"`, "no key file"),
		Entry("a short name root", `"keys"`, `"name_root":"bGVhaw==","keys"`, "name root is 4 bytes"),
		Entry("a key twice", `"keys":[`, `"keys":[{"id":"00000001","state":"retired"},`, "00000001 is in the keyring already"),
		Entry("more than a mebibyte", `]}`, `]}`+strings.Repeat(" ", 1<<20), ", limit 1048576"),
	)

	It("spells ids as errors do", func() {
		Expect(sealing.ParseKeyID("c405e701")).To(Equal(uint32(0xc405e701)))
		for _, s := range []string{"", "c405e70", "c405e7011", "0xc405e7", "c405e70g"} {
			_, err := sealing.ParseKeyID(s)
			Expect(err).To(MatchError(ContainSubstring("not 8 hexadecimal digits")), s)
		}
	})
})

func utc(keys []sealing.KeyInfo) []sealing.KeyInfo {
	for i := range keys {
		keys[i].Created = keys[i].Created.UTC()
	}
	return keys
}

func mode(path string) fs.FileMode {
	GinkgoHelper()
	info, err := os.Stat(path)
	Expect(err).NotTo(HaveOccurred())
	return info.Mode().Perm()
}

var _ = Describe("No error", func() {
	It("holds a byte of a key or a value", func() {
		s := sealer(keyring(secret))
		value := []byte("the value itself")
		envelope, err := s.Seal(nil, []byte("name"), value, now, stamp)
		Expect(err).NotTo(HaveOccurred())
		var errs []error
		for i := range envelope {
			forged := append([]byte(nil), envelope...)
			forged[i] ^= 0xff
			_, err := s.Open(nil, []byte("name"), forged, now)
			errs = append(errs, err)
		}
		_, err = s.Open(nil, []byte("name"), envelope, now.AddDate(1, 0, 0))
		_, short := sealing.KeyringFromSecret(secret[1:])
		_, again := keyring(secret).Add(secret)
		for _, err := range append(errs, err, short, again) {
			text := fmt.Sprintf("%v %+v %#v", err, err, err)
			Expect(text).NotTo(ContainSubstring(string(value)))
			Expect(text).NotTo(ContainSubstring(string(secret[1:])))
			Expect(text).NotTo(ContainSubstring(hex.EncodeToString(secret[1:])))
		}
	})
})
