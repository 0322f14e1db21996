package conformance_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/testdata"
	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ = Describe("The manifest of the suite", func() {
	manifest, err := testdata.ReadManifest()
	if err != nil {
		panic(err) // there are no specs without it
	}

	It("lists every golden dialogue and every envelope once, and nothing that is not there", func() {
		var listed, there []string
		for _, e := range manifest.Entries {
			listed = append(listed, e.File+" "+e.Title)
		}
		Expect(fs.WalkDir(os.DirFS("../../testdata/frames"), ".", func(name string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				there = append(there, path.Join("frames", name)+" ")
			}
			return err
		})).To(Succeed())
		v, err := testdata.Envelopes()
		Expect(err).NotTo(HaveOccurred())
		for _, v := range slices.Concat(v.Accepted, v.Edges, v.Refused) {
			there = append(there, "sealing/vectors.json "+v.Title)
		}
		slices.Sort(listed)
		Expect(slices.Compact(slices.Clone(listed))).To(Equal(listed), "testdata/manifest.json lists something twice")
		for _, one := range there {
			Expect(slices.Contains(listed, one)).To(BeTrue(), "testdata/manifest.json does not list %s", one)
		}
		for _, one := range listed {
			Expect(slices.Contains(there, one)).To(BeTrue(), "testdata/manifest.json lists %s, which is not there", one)
		}
	})

	It("has fails of the classes that docs/conformance.md explains, and of all of them", func() {
		text, err := os.ReadFile("../../docs/conformance.md")
		Expect(err).NotTo(HaveOccurred())
		_, table, _ := strings.Cut(string(text), "| class | ")
		table, _, _ = strings.Cut(table, "\n\n")
		var explained []string
		for line := range strings.Lines(table) {
			if _, rest, ok := strings.Cut(line, "| `"); ok && strings.HasPrefix(line, "| `") {
				name, _, _ := strings.Cut(rest, "`")
				explained = append(explained, name)
			}
		}
		met := make(map[string]bool)
		for _, e := range manifest.Entries {
			for _, class := range e.Fails {
				Expect(explained).To(ContainElement(class), e.File)
				met[class] = true
			}
		}
		Expect(met).To(HaveLen(len(explained)))
	})

	dialogues, err := testdata.Dialogues()
	if err != nil {
		panic(err)
	}
	for _, e := range manifest.Entries {
		switch e.Kind {
		case testdata.KindEnvelope:
			It("is true of an envelope: "+e.Title, func() { Expect(failuresOfEnvelope(e)).To(Equal(e.Fails)) })
		default:
			It("is true of "+e.File, func() {
				at := slices.IndexFunc(dialogues, func(d testdata.Dialogue) bool { return "frames/"+d.Name+".hex" == e.File })
				said := saidBy(dialogues[at], e.Kind == testdata.KindRequests)
				if e.Kind == testdata.KindAnswer {
					Expect(failuresOfAnswer(said)).To(Equal(e.Fails))
				} else {
					Expect(failuresOfRequests(said)).To(Equal(e.Fails))
				}
			})
		}
	}
})

// saidBy is what one side of a dialogue says, with zeros for what the other decides.
func saidBy(d testdata.Dialogue, client bool) (all []byte) {
	for _, step := range d.Steps {
		for _, part := range step.Parts {
			switch {
			case step.Client != client:
			case part.Variable != "":
				all = append(all, make([]byte, testdata.VariableSize)...)
			default:
				all = append(all, part.Bytes...)
			}
		}
	}
	return all
}

// failuresOfEnvelope opens an envelope with package sealing.
func failuresOfEnvelope(e testdata.Entry) []string {
	GinkgoHelper()
	all, err := testdata.Envelopes()
	Expect(err).NotTo(HaveOccurred())
	vectors := slices.Concat(all.Accepted, all.Edges, all.Refused)
	v := vectors[slices.IndexFunc(vectors, func(v testdata.Vector) bool { return v.Title == e.Title })]
	if len(v.Version) != 1 || fmt.Sprintf("%x", []byte(v.Version)) != e.Version {
		Fail("version " + e.Version)
	}
	now := v.NowMS
	if now == 0 {
		now = testdata.VectorsNow
	}
	answer := ownLine(fmt.Sprintf("open secret=%x key_id=%s namespace=%x name=%x envelope=%x now_ms=%d skew_ms=%d clock_bound_ms=%d not_before_ms=%d stamped_only=%d",
		[]byte(v.Secret), v.KeyID, []byte(v.Namespace), []byte(v.Name), []byte(v.Envelope), now, v.SkewMS, v.ClockBoundMS, v.NotBeforeMS, map[bool]int{true: 1}[v.StampedOnly]))
	if class, ok := strings.CutPrefix(answer, "refused "); ok {
		return []string{class}
	}
	Expect(answer).To(Equal(fmt.Sprintf("ok %x", []byte(v.Value))))
	return []string{}
}

func failuresOfAnswer(said []byte) []string {
	a, n, err := wire.ParseResponse(said)
	switch {
	case err != nil:
		return []string{"bad magic"}
	case n == 0:
		return []string{"incomplete"}
	case int(a.Status) >= wire.StatusKinds:
		return []string{"unknown status"}
	}
	return []string{}
}

// said of a refusal by cryptomem's own server, which tells its classes apart.
var refusals = map[string]string{
	"bad magic": "bad magic", "unknown command": "is unknown", "empty key": "key is empty", "value not taken": "takes no value",
	"value too long": "limit 1048576", "negative ttl": "ttl is -", "no version": "needs a version", "no cursor": "needs a cursor",
	"unknown section": "have no section",
}

// failuresOfRequests has each request executed by cryptomem's own server.
func failuresOfRequests(said []byte) []string {
	GinkgoHelper()
	failures := []string{}
	store, err := cache.New(clock.NewMock(), cache.WithMaxMemory(16<<20), cache.WithShards(1))
	Expect(err).NotTo(HaveOccurred())
	defer store.Close() //nolint:errcheck // nothing of it is asked
	h := server.NewHandler(store)
	h.AllowFlush = true
	for len(said) > 0 {
		frame := said
		if !wire.BadMagic(said) && len(said) >= wire.RequestHeaderSize {
			header := wire.ParseHeader(said)
			frame = said[:min(header.Size(), uint64(len(said)))]
			if header.ValueSize > 1<<20+wire.VersionSize && len(frame) < int(header.Size()) {
				failures = append(failures, "value too long") // whose answer waits for the rest
			}
		}
		s := session.New(h, session.Limits{})
		answer := converse(s, frame)
		s.Close()
		if len(answer) == 0 {
			return append(failures, "incomplete")
		}
		a, _, err := wire.ParseResponse(answer)
		Expect(err).NotTo(HaveOccurred())
		if a.Status == wire.Error {
			class := ""
			for name, words := range refusals {
				if strings.Contains(string(a.Value), words) {
					class = name
				}
			}
			Expect(class).NotTo(BeEmpty(), string(a.Value))
			if failures = append(failures, class); class == "bad magic" {
				return failures
			}
		}
		said = said[len(frame):]
	}
	return failures
}

// converse feeds input to s and returns its answers.
func converse(s *session.Session, input []byte) []byte {
	var answers bytes.Buffer
	for {
		_ = s.Execute(1) // what is wrong is answered
		pending := s.Pending()
		if len(pending) == 0 {
			if len(input) == 0 || len(s.Buffer()) == 0 {
				return answers.Bytes()
			}
			n := copy(s.Buffer(), input)
			s.Received(n)
			input = input[n:]
			continue
		}
		n, _ := pending.WriteTo(&answers)
		s.Sent(int(n))
	}
}
