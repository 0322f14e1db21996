package otelcryptomem_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestOtelcryptomem(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "otelcryptomem")
}
