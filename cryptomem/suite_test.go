package cryptomem_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestCryptomem(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "cryptomem")
}
