package sealing

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestSealing(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "sealing")
}
