// What Go programs do that speak Redis: go-redis with a limiter and two kinds of
// locks, rueidis, and valkey-go.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/bsm/redislock"
	"github.com/go-redis/redis_rate/v10"
	"github.com/go-redsync/redsync/v4"
	syncredis "github.com/go-redsync/redsync/v4/redis/goredis/v9"
	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
	"github.com/valkey-io/valkey-go"
)

func check(ok bool, what ...any) {
	if !ok {
		log.Output(2, fmt.Sprint(what...)) //nolint:errcheck // it goes to standard error
		os.Exit(1)
	}
}

func must(err error) { check(err == nil, err) }

// patience is how long they wait for anything: long, since machines are busy.
const patience = time.Minute

func main() {
	log.SetFlags(log.Lshortfile)
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	addr := os.Getenv("REDIS_HOST") + ":" + os.Getenv("REDIS_PORT")
	goRedis(ctx, addr)
	viaRueidis(ctx, addr)
	viaValkey(ctx, addr)
}

func goRedis(ctx context.Context, addr string) {
	for _, protocol := range []int{2, 3} {
		c := redis.NewClient(&redis.Options{Addr: addr, Protocol: protocol, DialTimeout: patience, ReadTimeout: patience, WriteTimeout: patience, PoolTimeout: patience})
		must(c.FlushDB(ctx).Err())
		must(c.Set(ctx, "a", "1", time.Minute).Err())
		n, err := c.IncrBy(ctx, "a", 4).Result()
		check(n == 5, n, err)
		_, err = c.Get(ctx, "none").Result()
		check(errors.Is(err, redis.Nil), err)
		must(c.HSet(ctx, "h", "f", "v", "n", 1).Err())
		h, err := c.HGetAll(ctx, "h").Result()
		check(len(h) == 2 && h["n"] == "1", h, err)
		must(c.ZAdd(ctx, "z", redis.Z{Score: 1.5, Member: "x"}).Err())
		z, err := c.ZRangeWithScores(ctx, "z", 0, -1).Result()
		check(len(z) == 1 && z[0].Score == 1.5, z, err)

		goRedisPipeline(ctx, c)
		goRedisTransactions(ctx, c)
		goRedisLimiter(ctx, c)
		goRedisLocks(ctx, c)

		err = c.XAdd(ctx, &redis.XAddArgs{Stream: "s", Values: []string{"a", "1"}}).Err()
		check(err == nil == (os.Getenv("TARGET") == "redis") && (err == nil || strings.Contains(err.Error(), "unknown command")), err)
		must(c.Ping(ctx).Err())
		must(c.Close())
	}
}

func goRedisPipeline(ctx context.Context, c *redis.Client) {
	pipe := c.Pipeline()
	for i := range 10_000 {
		pipe.Set(ctx, fmt.Sprint("p", i%50), i, 0)
		pipe.Get(ctx, fmt.Sprint("p", i%50))
	}
	answers, err := pipe.Exec(ctx)
	must(err)
	for i, a := range answers {
		if get, ok := a.(*redis.StringCmd); ok {
			check(get.Val() == fmt.Sprint(i/2), get)
		}
	}
}

func goRedisTransactions(ctx context.Context, c *redis.Client) {
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range 25 {
				for {
					err := c.Watch(ctx, func(tx *redis.Tx) error {
						n, err := tx.Get(ctx, "watched").Int()
						if err != nil && !errors.Is(err, redis.Nil) {
							return err
						}
						_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, "watched", n+1, 0).Err() })
						return err
					}, "watched")
					if err == nil {
						break
					}
					check(errors.Is(err, redis.TxFailedErr), err)
				}
			}
		})
	}
	clients.Wait()
	check(c.Get(ctx, "watched").Val() == "200", c.Get(ctx, "watched"))
}

func goRedisLimiter(ctx context.Context, c *redis.Client) {
	limiter := redis_rate.NewLimiter(c)
	for i := range 6 {
		res, err := limiter.Allow(ctx, "me", redis_rate.PerHour(5))
		must(err)
		check((res.Allowed == 1) == (i < 5), i, res)
	}
}

func goRedisLocks(ctx context.Context, c *redis.Client) {
	locker := redislock.New(c)
	lock, err := locker.Obtain(ctx, "lock", time.Minute, nil)
	must(err)
	_, err = locker.Obtain(ctx, "lock", time.Minute, nil)
	check(errors.Is(err, redislock.ErrNotObtained), err)
	must(lock.Refresh(ctx, time.Minute, nil))
	must(lock.Release(ctx))

	mutex := redsync.New(syncredis.NewPool(c)).NewMutex("mutex", redsync.WithTries(1), redsync.WithExpiry(time.Hour))
	must(mutex.LockContext(ctx))
	check(redsync.New(syncredis.NewPool(c)).NewMutex("mutex", redsync.WithTries(1), redsync.WithExpiry(time.Hour)).LockContext(ctx) != nil, "two have the lock")
	ok, err := mutex.ExtendContext(ctx)
	check(ok, err)
	ok, err = mutex.UnlockContext(ctx)
	check(ok, err)
}

func viaRueidis(ctx context.Context, addr string) {
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true, Dialer: net.Dialer{Timeout: patience}, ConnWriteTimeout: patience})
	must(err)
	defer c.Close()
	var calls sync.WaitGroup
	for i := range 2_000 {
		calls.Go(func() {
			name, text := fmt.Sprint("r", i%97), fmt.Sprint(i%97)
			must(c.Do(ctx, c.B().Set().Key(name).Value(text).Build()).Error())
			got, err := c.Do(ctx, c.B().Get().Key(name).Build()).ToString()
			check(got == text, got, err)
		})
	}
	calls.Wait()
	must(c.Do(ctx, c.B().Hset().Key("h").FieldValue().FieldValue("f", "v").Build()).Error())
	h, err := c.Do(ctx, c.B().Hgetall().Key("h").Build()).AsStrMap()
	check(h["f"] == "v", h, err)
	script := rueidis.NewLuaScript("return redis.call('INCR', KEYS[1])")
	n, err := script.Exec(ctx, c, []string{"n"}, nil).AsInt64()
	check(n >= 1, n, err)
}

func viaValkey(ctx context.Context, addr string) {
	c, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{addr}, DisableCache: true, Dialer: net.Dialer{Timeout: patience}, ConnWriteTimeout: patience})
	must(err)
	defer c.Close()
	must(c.Do(ctx, c.B().Set().Key("v").Value("1").Ex(time.Minute).Build()).Error())
	answers := c.DoMulti(ctx, c.B().Incr().Key("v").Build(), c.B().Get().Key("v").Build(), c.B().Get().Key("none").Build())
	got, err := answers[1].ToString()
	check(got == "2" && valkey.IsValkeyNil(answers[2].Error()), got, err)
}
