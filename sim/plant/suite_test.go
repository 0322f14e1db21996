package plant_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestPlant(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "plant")
}
