package sim

import (
	"fmt"

	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// A doorkeeper is what the server of tiers 2 and 3 knows of identities, and when it
// was told. It is guarded by bubble.mu.
type doorkeeper struct {
	registry *registry
	list     *access.List
	told     []told
}

// told is a change of what an identity may.
type told struct {
	at   int64
	name string
}

func newDoorkeeper(c *script.Config) *doorkeeper {
	if c.Identities == 0 {
		return nil
	}
	return &doorkeeper{registry: newRegistry(c)}
}

// enlist makes the list of a server that starts.
func (d *doorkeeper) enlist() (*access.List, error) {
	d.list = access.New()
	return d.list, d.list.Replace("identities", d.registry.text())
}

// tell changes what the server knows of an identity.
func (b *bubble) tell(a *script.Action) {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.door
	if d == nil || !d.registry.change(a) {
		return
	}
	d.told = append(d.told, told{b.moment(), identityName(a.Count)})
	if d.list == nil {
		return
	}
	if err := d.list.Replace("identities", d.registry.text()); err != nil {
		b.fail(0, RuleRefusal, "no identities: "+err.Error())
	}
}

// judgeRights judges whether a call was refused rightly for who made it, as far as
// nothing changed for that one while it lasted. Where connections are counted, any may
// be denied. It requires b.mu.
func (b *bubble) judgeRights(u *user, a *script.Action, op *oracle.Op, how string) {
	d := b.door
	if d == nil || b.free != nil || a.Verb == script.Flush {
		return
	}
	name := identityOf(&b.script.Config, u.index)
	last := int64(-1)
	for _, t := range d.told {
		if t.name == name && t.at >= op.Call && t.at <= op.Return {
			return
		}
		if t.name == name {
			last = t.at
		}
	}
	// Who asks while a connection is being made shares what comes of it, and the
	// server may have been told of a change since it decided.
	known := u.admitted > last || last < 0
	if op.Outcome == oracle.Done {
		u.admitted = op.Call
	}
	e := d.registry.entry(name)
	may := e.permits(a)
	switch denied := how == script.WantDenied; {
	case denied && may && known && b.script.Config.Each == 0:
		b.fail(u.index, oracle.RuleAccess, fmt.Sprintf("%v of %s was denied", a, name))
	case !may && !denied && op.Outcome == oracle.Done:
		b.fail(u.index, oracle.RuleAccess, fmt.Sprintf("%v of %s came to %q, which it may not", a, name, how))
	}
}
