package cache_test

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cache"
)

func Example() {
	clk := clock.NewMock() // clock.New() outside of examples
	c, err := cache.New(clk, cache.WithMaxMemory(64<<20))
	if err != nil {
		fmt.Println(err)
		return
	}
	c.Start()

	if _, err := c.Set(c.Now(), []byte("greeting"), []byte("hello"), time.Minute); err != nil {
		fmt.Println(err)
		return
	}
	clk.Add(20 * time.Second)
	value, info, ok := c.GetAppend(c.Now(), nil, []byte("greeting"))
	fmt.Printf("%s %v %v\n", value, info.TTL, ok)

	clk.Add(40 * time.Second)
	_, _, ok = c.GetAppend(c.Now(), nil, []byte("greeting"))
	fmt.Println(ok, c.Close())
	// Output:
	// hello 40s true
	// false <nil>
}

func ExampleCache_CompareAndSwap() {
	c, _ := cache.New(clock.NewMock(), cache.WithMaxMemory(64<<20))
	key := []byte("counter")
	version, _ := c.Set(c.Now(), key, []byte("1"), 0)

	_, err := c.CompareAndSwap(c.Now(), key, []byte("2"), 0, version)
	fmt.Println(err)
	_, err = c.CompareAndSwap(c.Now(), key, []byte("3"), 0, version) // it has moved on
	fmt.Println(errors.Is(err, cache.ErrExists))
	// Output:
	// <nil>
	// true
}

func ExampleCache_BeginUpload() {
	c, _ := cache.New(clock.NewMock(), cache.WithMaxMemory(64<<20))
	body := strings.NewReader(strings.Repeat("x", 100_000)) // a connection, say

	st, err := c.BeginUpload([]byte("key"), body.Len())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer st.Release()
	for st.Missing() > 0 {
		b, err := st.Buffer()
		if err != nil {
			fmt.Println(err)
			return
		}
		n, _ := body.Read(b)
		st.Advance(n)
	}
	if _, err := st.Set(c.Now(), time.Hour); err != nil {
		fmt.Println(err)
		return
	}

	_, ref, _, _ := c.GetRef(c.Now(), nil, []byte("key"))
	defer ref.Release()
	fmt.Println(ref.Size(), len(ref.AppendTo(nil)) > 0)
	// Output: 100000 true
}
