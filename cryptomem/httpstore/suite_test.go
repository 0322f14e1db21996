package httpstore_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestHttpstore(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "httpstore")
}
