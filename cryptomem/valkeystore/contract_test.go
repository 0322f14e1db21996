package valkeystore_test

import (
	"testing"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/storetest"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
)

func TestTheContractOnOneNode(t *testing.T) {
	server := valkeytest.Start(t)
	storetest.Run(t, func(t *testing.T) cryptomem.Store {
		store, err := valkeystore.Open("valkey://" + server.Addr)
		if err != nil {
			t.Fatal(err)
		}
		return besideOthers{store, server}
	})
}

// besideOthers is a store whose server others use as well.
type besideOthers struct {
	*valkeystore.Store
	server *valkeytest.Server
}

func (s besideOthers) PutForeign(t *testing.T, name []byte) {
	t.Helper()
	s.server.Must("RPUSH", string(name), "an element of a list")
}
