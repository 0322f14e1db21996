package tinkkeys_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestTinkKeys(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "tinkkeys")
}
