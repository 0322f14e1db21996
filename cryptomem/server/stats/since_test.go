package stats_test

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/cryptomem/server/snapshot"
	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
	"github.com/Zezezknight/cryptomem/transport/session"
)

// gauges are the numbers of a report that are not counted up. A number that is
// neither here nor a difference is one that Since forgets.
var gauges = map[string]bool{
	"Server.Connections": true, "Server.MaxConnections": true, "Server.InFlight": true,
	"Server.Slowest": true, "Server.Largest": true,
	"Cache.Items": true, "Cache.Bytes": true, "Cache.MaxMemory": true, "Cache.Memory": true, "Cache.TTL": true,
	"Process.Resident": true, "Process.Heap": true, "Process.Goroutines": true, "Process.MaxFiles": true,
	"Snapshot.Items": true, "Snapshot.Bytes": true, "Snapshot.Took": true,
	"Identities.Connections": true, "Identities.Memory": true, "Identities.MaxMemory": true, "Identities.Others": true,
}

// eachNumber visits all numbers below v but those of a time; path names the
// fields that lead to v.
func eachNumber(path string, v reflect.Value, visit func(path string, v reflect.Value)) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		eachNumber(path, v.Elem(), visit)
	case v.Kind() == reflect.Slice && v.Len() == 0:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fallthrough
	case v.Kind() == reflect.Slice || v.Kind() == reflect.Array:
		for i := range v.Len() {
			eachNumber(path, v.Index(i), visit)
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			inside := path
			if f := v.Type().Field(i); !f.Anonymous {
				inside += "." + f.Name
			}
			eachNumber(inside, v.Field(i), visit)
		}
	case v.CanInt() || v.CanUint() || v.CanFloat():
		visit(path, v)
	}
}

func isGauge(path string) bool {
	for name := range gauges {
		if strings.HasPrefix(path+".", "."+name+".") {
			return true
		}
	}
	return false
}

var _ = Describe("What happened since an earlier report", func() {
	numbered := func(n int64) *stats.Report {
		r := new(stats.Report)
		eachNumber("", reflect.ValueOf(r).Elem(), func(_ string, v reflect.Value) {
			v.Set(reflect.ValueOf(n).Convert(v.Type()))
		})
		return r
	}

	It("is the difference of every number that is counted up, and as it is now of all others", func() {
		earlier, now := numbered(3), numbered(10)
		d, err := now.Since(earlier)
		Expect(err).NotTo(HaveOccurred())
		eachNumber("", reflect.ValueOf(d).Elem(), func(path string, v reflect.Value) {
			want := int64(10 - 3)
			if isGauge(path) {
				want = 10
			}
			Expect(v.Interface()).To(BeNumerically("==", want), "a counter belongs into since.go, anything else into gauges above: "+path)
		})
		Expect(earlier).To(Equal(numbered(3)))
		Expect(now).To(Equal(numbered(10)), "a report may be used again")
	})

	It("is all of what is new", func() {
		now := &stats.Report{
			Snapshot:   &snapshot.Status{Saves: 4},
			Identities: []access.Use{{Identity: "web", Requests: 5}},
		}
		now.Server.Requests = []session.RequestCount{{Command: "GET", Status: "ok", Count: 6}}
		d, err := now.Since(new(stats.Report))
		Expect(err).NotTo(HaveOccurred())
		Expect(d).To(Equal(now))
	})

	It("cannot be told when the server was restarted", func() {
		now := &stats.Report{About: stats.About{Started: time.Unix(2000, 0)}}
		_, err := now.Since(&stats.Report{About: stats.About{Started: time.Unix(1000, 0)}})
		Expect(err).To(MatchError(ContainSubstring(fmt.Sprintf("restarted at %v", now.About.Started.Format(time.RFC3339)))))
	})
})
