package exhaust

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	_ "github.com/Zezezknight/cryptomem/testdata/deadline"
)

func TestExhaust(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "sim/exhaust")
}
