// Package clients_test runs programs that speak Redis, in six languages, each as
// its users would write it: against a Redis, which shows that the program is
// right, and against a proxy, which shows that it is one.
//
// The programs are in testdata; each ends with exit code 0 if all was as it
// expected.
package clients_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	_ "github.com/Zezezknight/cryptomem/testdata/deadline"
)

func TestClients(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "clients")
}
