package httpcachedriver_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestHttpcachedriver(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "httpcachedriver")
}
