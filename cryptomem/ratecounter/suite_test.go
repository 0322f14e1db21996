package ratecounter_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestRatecounter(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "ratecounter")
}
