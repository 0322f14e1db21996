package adapters_test

import (
	"context"
	"time"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist/cache"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
)

// decisions is a cache for github.com/casbin/casbin. If the store is down, casbin
// makes each decision again.
type decisions struct{ store *adapter.Store }

func (d decisions) Get(key string) (allowed bool, err error) {
	value, found, err := d.store.Get(context.Background(), key)
	d.store.Report(err)
	if !found {
		return false, cache.ErrNoSuchKey
	}
	return string(value) == "yes", nil
}

func (d decisions) Set(key string, allowed bool, _ ...any) error {
	value := "no"
	if allowed {
		value = "yes"
	}
	d.store.Report(d.store.Overwrite(context.Background(), key, []byte(value), d.store.TTL()))
	return nil
}

func (d decisions) Delete(key string) error {
	found, err := d.store.Forget(context.Background(), key)
	if err == nil && !found {
		return cache.ErrNoSuchKey
	}
	return err
}

func (d decisions) Clear() error {
	_, err := d.store.Client().Flush(context.Background(), "")
	return err
}

func useCasbin(enforcer *casbin.SyncedCachedEnforcer, client *cryptomem.Client) {
	enforcer.SetCache(decisions{adapter.New(client, adapter.WithTTL(time.Minute))})
}

var _ = Describe("casbin", func() {
	It("shares decisions, until a policy is removed or their time is over", func() {
		server := cryptomemtest.NewServer(GinkgoTB())
		enforcer := func(policies ...[]string) *casbin.SyncedCachedEnforcer {
			rules, err := model.NewModelFromString(`
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && r.obj == p.obj && r.act == p.act
`)
			Expect(err).NotTo(HaveOccurred())
			e, err := casbin.NewSyncedCachedEnforcer(rules)
			Expect(err).NotTo(HaveOccurred())
			useCasbin(e, server.Client(cryptomem.WithNamespace("casbin")))
			if len(policies) > 0 {
				_, err = e.AddPolicies(policies)
				Expect(err).NotTo(HaveOccurred())
			}
			return e
		}
		ada := []string{"ada", "page", "write"}
		one, other, third := enforcer(ada), enforcer(), enforcer(ada)
		Expect(one.Enforce("ada", "page", "write")).To(BeTrue())
		Expect(other.Enforce("ada", "page", "write")).To(BeTrue(), "which it knows from the first")
		_, err := one.RemovePolicy("ada", "page", "write")
		Expect(err).NotTo(HaveOccurred())
		Expect(other.Enforce("ada", "page", "write")).To(BeFalse())
		Expect(one.InvalidateCache()).To(Succeed())
		Expect(server.Items()).To(BeZero())
		server.Down()
		Expect(third.Enforce("ada", "page", "write")).To(BeTrue())
	})
})
