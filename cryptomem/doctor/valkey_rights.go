package doctor

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/valkey-io/valkey-go"

	"github.com/Zezezknight/cryptomem/sealing"
)

// A right is a command that a store uses, in a form that changes nothing for a key
// that does not exist.
type right struct {
	// name is written as in ACL SETUSER.
	name string
	// args with KEY for the key.
	args     []string
	severity Severity
	// without says what does not work without the right.
	without string
}

const unknownScript = "0000000000000000000000000000000000000000"

var rightsNeeded = []right{
	{name: "ping", args: []string{"PING"}, severity: Problem, without: "no connection can be looked after"},
	{name: "get", args: []string{"GET", "KEY"}, severity: Problem, without: "nothing can be read"},
	{name: "set", args: []string{"SET", "KEY", "", "XX"}, severity: Problem, without: "nothing can be stored"},
	{name: "del", args: []string{"DEL", "KEY"}, severity: Problem, without: "nothing can be deleted"},
	{name: "getdel", args: []string{"GETDEL", "KEY"}, severity: Warning, without: "GetDelete fails"},
	{name: "evalsha", args: []string{"EVALSHA", unknownScript, "1", "KEY"}, severity: Warning, without: withoutScripts},
	{name: "eval", args: []string{"EVAL", "return 0", "1", "KEY"}, severity: Warning, without: withoutScripts},
	{name: "getrange", args: []string{"GETRANGE", "KEY", "0", "0"}, severity: Warning, without: withoutScripts},
	{name: "exists", args: []string{"EXISTS", "KEY"}, severity: Warning, without: withoutScripts},
	{name: "time", args: []string{"TIME"}, severity: Warning, without: "locks, and with them the lease of GetOrLoad, fail"},
	{name: "scan", args: []string{"SCAN", "0", "COUNT", "1"}, severity: Warning, without: "Keys and Flush fail"},
	{name: "unlink", args: []string{"UNLINK", "KEY"}, severity: Warning, without: "Flush fails"},
	{name: "client|tracking", args: []string{"CLIENT", "TRACKING", "OFF"}, severity: Fine, without: "a near cache, if one is wanted, fails"},
}

const withoutScripts = "CompareAndSwap, Touch, Update and locks end in ErrNotSupported"

// rightsInCluster are needed besides where there is a cluster.
var rightsInCluster = []right{
	{name: "asking", args: []string{"ASKING"}, severity: Problem, without: "names of a slot that is being moved cannot be stored"},
}

// valkeyRights asks for each right by itself.
func (v *clientReport) valkeyRights(ctx context.Context, client valkey.Client) {
	const subject = "rights"
	key, err := v.anyWireName()
	if err != nil {
		v.found(Unknown, subject, err.Error(), "")
		return
	}
	all := rightsNeeded
	if client.Mode() == valkey.ClientModeCluster {
		all = append(all[:len(all):len(all)], rightsInCluster...)
	}
	missing := 0
	for _, r := range all {
		err := client.Do(ctx, r.command(client, key)).Error()
		refusal, said := valkey.IsValkeyErr(err)
		switch {
		case said && strings.HasPrefix(refusal.Error(), "NOPERM") && strings.Contains(refusal.Error(), "permissions to access"):
			v.found(Problem, subject, fmt.Sprintf("the user may not touch keys that begin with %q: %s", v.keyPrefix(key), refusal.Error()), "grant ~"+v.keyPrefix(key)+"*, or choose a --namespace or --prefix that the user has")
			return
		case said && strings.HasPrefix(refusal.Error(), "NOPERM"):
			missing++
			v.found(r.severity, subject, fmt.Sprintf("the user lacks +%s: %s", r.name, r.without), "ACL SETUSER … +"+r.name+"; docs/valkey.md has the whole line")
		case said && strings.Contains(refusal.Error(), "unknown command"):
			missing++
			v.found(r.severity, subject, fmt.Sprintf("the server has no %s: %s", strings.ToUpper(r.name), r.without), "undo its rename-command, or do without")
		case err != nil && !said && !valkey.IsValkeyNil(err):
			v.found(Unknown, subject, fmt.Sprintf("+%s: %v", r.name, err), "ask again")
			return
		}
	}
	if missing == 0 {
		v.fine(subject, "all that a store needs, %s", v.where())
	}
}

func (r right) command(client valkey.Client, key string) valkey.Completed {
	c := client.B().Arbitrary(r.args[0])
	for _, arg := range r.args[1:] {
		if arg == "KEY" {
			c = c.Keys(key)
		} else {
			c = c.Args(arg)
		}
	}
	return c.Build()
}

// anyWireName returns a key of the namespace that does not exist.
func (v *clientReport) anyWireName() (string, error) {
	keys := v.keys
	if keys == nil {
		var err error
		if keys, err = sealing.NewKeyring(v.clk.Now()); err != nil {
			return "", err
		}
		defer keys.Close() //nolint:errcheck // always nil
	}
	sealer, err := sealing.New(keys, sealing.WithNamespace(v.Namespace))
	if err != nil {
		return "", err
	}
	defer sealer.Close() //nolint:errcheck // always nil
	return string(sealer.AppendWireName(nil, []byte(v.Prefix+doctorKey+rand.Text()))), nil
}

// doctorKey is what a doctor's keys begin with.
const doctorKey = "cryptomem-doctor-"

// keyPrefix is what all of the client's keys begin with.
func (v *clientReport) keyPrefix(key string) string {
	before, _, _ := strings.Cut(key, doctorKey)
	return before
}
