//go:build linux

package attack_test

import (
	"os"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	_ "github.com/Zezezknight/cryptomem/testdata/deadline"
)

// full is whether attacks are as large as those that once succeeded.
var full = os.Getenv("CRYPTOMEM_ATTACK") == "full"

// peers is how many peers attack at once: some, or as many as it takes in all.
func peers(some, all int) int {
	if full {
		return all
	}
	return some
}

var binary string // of the server

func TestAttack(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(time.Minute) // a busy machine is no failure
	RunSpecs(t, "attack")
}

// One of the processes that share the specs builds the server for all of them.
var _ = SynchronizedBeforeSuite(func() []byte {
	path, err := gexec.BuildWithEnvironment("github.com/Zezezknight/cryptomem/cryptomem/cmd/cryptomem", []string{"CGO_ENABLED=0"})
	Expect(err).NotTo(HaveOccurred())
	return []byte(path)
}, func(path []byte) { binary = string(path) })

var _ = SynchronizedAfterSuite(func() {}, gexec.CleanupBuildArtifacts)
