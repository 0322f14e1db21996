package valkeystore_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/storetest"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
	"github.com/Zezezknight/cryptomem/testdata/plain"
)

var _ = DescribeTable("The contract of stores is kept on", func(holds func(*testing.T)) {
	plain.Test("contract", holds)
},
	Entry("one node", func(t *testing.T) {
		server := valkeytest.Start(t)
		holdsTheContract(t, "valkey://"+server.Addr, func([]byte) *valkeytest.Server { return server })
	}),
	Entry("a cluster", func(t *testing.T) {
		cluster := valkeytest.StartCluster(t, 3, false)
		holdsTheContract(t, cluster.URL(), func(name []byte) *valkeytest.Server { return cluster.Primary(string(name)) })
	}),
	Entry("one node that sentinels watch", func(t *testing.T) {
		watched := valkeytest.StartWatched(t, 1)
		holdsTheContract(t, watched.URL(), func([]byte) *valkeytest.Server { return watched.Primary })
	}),
)

// holdsTheContract runs the contract's suite on stores at the address; server has the
// name.
func holdsTheContract(t *testing.T, url string, server func(name []byte) *valkeytest.Server) {
	storetest.Run(t, func(t *testing.T) cryptomem.Store {
		store, err := valkeystore.Open(url, valkeystore.WithTimeout(testTimeout), valkeystore.WithDialTimeout(testTimeout))
		if err != nil {
			t.Fatal(err)
		}
		return besideOthers{store, server}
	})
}

// besideOthers is a store whose servers others use as well.
type besideOthers struct {
	*valkeystore.Store
	server func(name []byte) *valkeytest.Server
}

func (s besideOthers) PutForeign(t *testing.T, name []byte) {
	t.Helper()
	s.server(name).Must("RPUSH", string(name), "an element of a list")
}
