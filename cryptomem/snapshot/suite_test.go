package snapshot_test

import (
	"os"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestSnapshot(t *testing.T) {
	if os.Getenv(crashVariable) != "" {
		saveUntilKilled()
		return
	}
	RegisterFailHandler(Fail)
	RunSpecs(t, "Snapshot Suite")
}
