package limiterstore_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestLimiterstore(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "limiterstore")
}
