package storetest_test

import (
	"testing"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/storetest"
)

func newStore(*testing.T) cryptomem.Store { return newMemory("") }

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) cryptomem.Store { return newStore(t) })
}
