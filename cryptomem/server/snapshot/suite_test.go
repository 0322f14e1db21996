package snapshot_test

import (
	"os"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	_ "github.com/Zezezknight/cryptomem/testdata/deadline"
)

func TestSnapshot(t *testing.T) {
	if os.Getenv(crashVariable) != "" {
		saveUntilKilled()
		return
	}
	if os.Getenv(lockVariable) != "" {
		acquireAndWait()
		return
	}
	RegisterFailHandler(Fail)
	RunSpecs(t, "Snapshot Suite")
}
