package snapshot_test

import (
	"os"
	"testing"
	"time"

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
	SetDefaultEventuallyTimeout(30 * time.Second) // a busy machine is no failure
	RunSpecs(t, "Snapshot Suite")
}
