package adapters_test

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	"github.com/Zezezknight/cryptomem/cryptomem/gqlcache"
)

var _ graphql.Cache[string] = (*gqlcache.Cache)(nil)

func useGqlgen(client *cryptomem.Client, schema graphql.ExecutableSchema) *handler.Server {
	srv := handler.New(schema)
	srv.Use(extension.AutomaticPersistedQuery{Cache: gqlcache.New(client)})
	return srv
}

var _ = Describe("gqlgen", func() {
	It("knows a query in one process that a client has sent to another", func() {
		server := cryptomemtest.NewServer(GinkgoTB())
		query := "{ me { name } }"
		ask := func(query string) (*graphql.RawParams, error) {
			apq := extension.AutomaticPersistedQuery{Cache: gqlcache.New(server.Client())}
			params := &graphql.RawParams{Query: query, Extensions: map[string]any{"persistedQuery": map[string]any{
				"version": 1, "sha256Hash": fmt.Sprintf("%x", sha256.Sum256([]byte("{ me { name } }"))),
			}}}
			ctx := graphql.WithOperationContext(context.Background(), &graphql.OperationContext{})
			if err := apq.MutateOperationParameters(ctx, params); err != nil {
				return nil, err
			}
			return params, nil
		}
		_, err := ask("")
		Expect(err).To(MatchError(ContainSubstring("PersistedQueryNotFound")))
		_, err = ask(query)
		Expect(err).NotTo(HaveOccurred())
		params, err := ask("")
		Expect(err).NotTo(HaveOccurred())
		Expect(params.Query).To(Equal(query))
		Expect(useGqlgen(server.Client(), nil)).NotTo(BeNil())
	})
})
