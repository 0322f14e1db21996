package valkeystore_test

import (
	"fmt"

	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
)

func ExampleWithNearCache() {
	store, err := valkeystore.Open("valkey://localhost", valkeystore.WithNearCache(64<<20))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
}
