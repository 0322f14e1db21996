package cryptomem_test

import (
	"os"
	"reflect"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// methods returns the names of a type's exported methods, but for those that the
// specs add.
func methods(of any) (names []string) {
	GinkgoHelper()
	added, err := os.ReadFile("export_test.go")
	Expect(err).NotTo(HaveOccurred())
	t := reflect.TypeOf(of)
	for i := range t.NumMethod() {
		if name := t.Method(i).Name; !strings.Contains(string(added), ") "+name+"(") {
			names = append(names, name)
		}
	}
	return names
}

var _ = Describe("The methods of a client", func() {
	It("are all in the list that its documentation gives, by what they are for", func() {
		source, err := os.ReadFile("client.go")
		Expect(err).NotTo(HaveOccurred())
		for _, name := range methods(&cryptomem.Client{}) {
			Expect(string(source)).To(ContainSubstring("[Client."+name+"]"), "add it to the comment of Client")
		}
	})

	It("are those of its typed values too, but for what is not about a value", func() {
		aside := "GetAppend FallbackContext Increment Batch AccessAll SwapAll Together TryLock Lock Keys ScanKeys Ping Stats Flush Rekey NotBefore Namespace Close"
		typed := methods(&cryptomem.Typed[int]{})
		Expect(typed).To(ContainElement("Client"))
		for _, name := range methods(&cryptomem.Client{}) {
			if !strings.Contains(" "+aside+" ", " "+name+" ") {
				Expect(typed).To(ContainElement(name))
			}
		}
	})

	It("wait and repeat for as long as documented, unless told otherwise", func() {
		Expect([]any{
			cryptomem.DefaultTimeout, cryptomem.DefaultDialTimeout, cryptomem.DefaultAttempts, cryptomem.DefaultMinBackoff, cryptomem.DefaultMaxBackoff,
		}).To(Equal([]any{5 * time.Second, 5 * time.Second, 3, 20 * time.Millisecond, 250 * time.Millisecond}))
		Expect([]any{
			cryptomem.KeyFileInterval, cryptomem.DefaultLease, cryptomem.DefaultFallbackTimeout, cryptomem.DefaultFailoverPause, cryptomem.DefaultStandIn, cryptomem.DefaultMaxValueSize,
		}).To(Equal([]any{10 * time.Second, 10 * time.Second, time.Second, 2 * time.Second, time.Minute, 1 << 20}))
	})

	It("dial again after a pause that doubles with each failure, up to a limit", func() {
		var pauses []time.Duration
		for failures := range 6 {
			pauses = append(pauses, cryptomem.Pause(failures, 20*time.Millisecond, 250*time.Millisecond)/time.Millisecond)
		}
		Expect(pauses).To(Equal([]time.Duration{20, 20, 40, 80, 160, 250}))
	})

	It("are four, and the way to the full client, of what New returns", func() {
		Expect(methods(&cryptomem.Basic{})).To(ConsistOf("Set", "Get", "Delete", "Close", "Client"))
	})
})
