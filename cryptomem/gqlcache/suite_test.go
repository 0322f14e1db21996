package gqlcache_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestGqlcache(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "gqlcache")
}
