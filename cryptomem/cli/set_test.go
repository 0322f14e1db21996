package cli

import (
	"bytes"
	"context"
	"errors"
	"io"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("A set that waits for its value", func() {
	It("ends when it is interrupted, though its input says nothing", func() {
		silent, writer := io.Pipe()
		defer writer.Close() //nolint:errcheck // it cannot fail
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(errors.New("interrupted"))

		var stderr bytes.Buffer
		c := &console{in: silent, out: io.Discard, err: &stderr, env: func(string) (string, bool) { return "", false }}
		Expect(run(ctx, c, []string{"set", "key", "-"})).To(Equal(3))
		Expect(stderr.String()).To(Equal("cryptomem set: read value: interrupted\n"))
	})
})
