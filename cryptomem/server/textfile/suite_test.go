package textfile_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestTextfile(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Textfile Suite")
}
