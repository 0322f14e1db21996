package oracle_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim/oracle"
	_ "github.com/Zezezknight/cryptomem/testdata/deadline"
)

func TestOracle(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "oracle")
}

// why is what a violation says, empty if there is none.
func why(v *oracle.Violation) string {
	if v == nil {
		return ""
	}
	return v.Error()
}
