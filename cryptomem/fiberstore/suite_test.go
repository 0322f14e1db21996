package fiberstore_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestFiberstore(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "fiberstore")
}
