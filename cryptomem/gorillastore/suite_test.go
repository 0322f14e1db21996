package gorillastore_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestGorillastore(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "gorillastore")
}
