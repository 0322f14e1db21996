package access_test

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	_ "github.com/Zezezknight/cryptomem/testdata/deadline"
)

func TestAccess(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(30 * time.Second) // a busy machine is no failure
	RunSpecs(t, "Access Suite")
}
