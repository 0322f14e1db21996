// Package deploy_test reads the files of cryptomem/server/deploy with the code of those
// for whom they are meant: Docker's front end, the types of Kubernetes, the
// configuration of GoReleaser and the parser of Prometheus.
package deploy_test

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestDeploy(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Deploy Suite")
}

// top is the repository's top level.
const top = "../.."

// read returns a file of cryptomem/server/deploy.
func read(name string) []byte {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(top, "cryptomem/server/deploy", name))
	Expect(err).NotTo(HaveOccurred())
	return text
}
