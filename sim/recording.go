package sim

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/sim/script"
)

// Frames runs a script on tier 1 and returns all that went over its connections,
// a line for each chunk that arrives, in the notation of the golden frames:
//
//	@1ms c1 > 434d01…   the server receives this of c1
//	@2ms c1 < 434d00…   c1 receives this of the server
//
// The same script comes to the same text, so that a recording can be kept as a
// golden file.
func Frames(s *script.Script) (string, *Failure) {
	w := newWorld(s, Options{})
	w.frames = &strings.Builder{}
	w.live()
	return w.frames.String(), w.failure
}

// record writes down a chunk that arrives, if the run is recorded.
func (w *world) record(lane int, side script.Side, b []byte) {
	if w.frames == nil {
		return
	}
	who, direction := fmt.Sprintf("c%d", lane), ">"
	if lane >= rawLane {
		who = fmt.Sprintf("raw%d", lane-rawLane)
	}
	if side == script.Down {
		direction = "<"
	}
	fmt.Fprintf(w.frames, "@%v %s %s %s\n", time.Duration(w.now), who, direction, hex.EncodeToString(b))
}
