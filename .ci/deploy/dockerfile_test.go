package deploy_test

import (
	"context"
	"fmt"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	digest "github.com/opencontainers/go-digest"
)

// bareImage stands for every base image, since only the Dockerfile is tested.
type bareImage struct{}

// ResolveImageConfig implements llb.ImageMetaResolver.
func (bareImage) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	return ref, digest.FromString(ref), []byte(`{"architecture":"amd64","os":"linux","config":{}}`), nil
}

var _ = Describe("The Dockerfile", func() {
	It("passes Docker's own checks, and makes an image that does not run as root", func(ctx context.Context) {
		text := read("Dockerfile")
		var warnings []string
		result, err := dockerfile2llb.Dockerfile2LLB(ctx, text, dockerfile2llb.ConvertOpt{
			MetaResolver: bareImage{},
			SourceMap:    llb.NewSourceMap(nil, "Dockerfile", "dockerfile", text),
			Warn: func(rule, _, _, message string, at []parser.Range) {
				warnings = append(warnings, fmt.Sprintf("line %d: %s: %s", at[0].Start.Line, rule, message))
			},
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(warnings).To(BeEmpty())
		image := result.Image.Config
		Expect(image.User).To(Equal("65532:65532"))
		Expect(image.Entrypoint).To(Equal([]string{"/cryptomem"}))
		Expect(image.Cmd).To(Equal([]string{"serve"}))
		Expect(image.StopSignal).To(Equal("SIGTERM"))
		Expect(image.ExposedPorts).To(HaveLen(1))
	})
})
