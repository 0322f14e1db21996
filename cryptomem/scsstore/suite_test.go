package scsstore_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestScsstore(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "scsstore")
}
