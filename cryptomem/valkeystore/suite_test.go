package valkeystore_test

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	_ "github.com/Zezezknight/cryptomem/testdata/deadline"
)

func TestValkeyStore(t *testing.T) {
	t.Parallel()
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(30 * time.Second) // a busy machine is no failure
	RunSpecs(t, "ValkeyStore")
}
