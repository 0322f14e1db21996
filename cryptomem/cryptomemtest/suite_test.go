package cryptomemtest_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestCryptomemtest(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "cryptomemtest")
}
