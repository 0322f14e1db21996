package safefile_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestSafefile(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Safefile Suite")
}
