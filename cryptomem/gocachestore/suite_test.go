package gocachestore_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestGocachestore(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "gocachestore")
}
