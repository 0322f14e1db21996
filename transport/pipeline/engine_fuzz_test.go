package pipeline_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/Zezezknight/cryptomem/transport/pipeline"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// FuzzEngineReceived feeds any bytes to an engine with calls in flight. It must
// complete each call once, in order, and end the same way however the bytes are cut.
func FuzzEngineReceived(f *testing.F) {
	ok := wire.AppendResponse(nil, wire.OK, []byte("value"))
	f.Add(append(ok, wire.AppendResponse(nil, wire.NotFound, nil)...), uint16(1), uint8(0))
	f.Add(wire.AppendResponse(ok, wire.OK, make([]byte, 33_000)), uint16(4096), uint8(1))
	f.Add(wire.AppendResponse(ok, wire.Busy, []byte("busy")), uint16(9), uint8(7))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n"), uint16(3), uint8(2))
	f.Add([]byte{'C', 'M', 1, 0xff, 0xff, 0xff, 0xff}, uint16(7), uint8(255))

	f.Fuzz(func(t *testing.T, stream []byte, step uint16, cancelled uint8) {
		calls, end := play(t, stream, int(step)+1, cancelled)
		whole, wholeEnd := play(t, stream, len(stream)+1, cancelled)
		if (end == nil) != (wholeEnd == nil) || end != nil && end.Error() != wholeEnd.Error() {
			t.Fatalf("in pieces of %d: %v; whole: %v", int(step)+1, end, wholeEnd)
		}
		for i, c := range calls {
			if c.Response.Status != whole[i].Response.Status || !bytes.Equal(c.Response.Value, whole[i].Response.Value) || (c.Err == nil) != (whole[i].Err == nil) {
				t.Fatalf("call %d: in pieces %+v, whole %+v", i, c, whole[i])
			}
		}
	})
}

// play gives the stream to an engine with eight calls in flight, those in the
// bit set cancelled, and returns the calls and the violation that it ended in.
func play(t *testing.T, stream []byte, step int, cancelled uint8) ([]*pipeline.Call, error) {
	e := pipeline.NewEngine(pipeline.EngineLimits{})
	commands := []wire.Command{
		wire.Get, wire.Set, wire.GetV, wire.Delete,
		wire.Add, wire.CAS, wire.Ping, wire.Get,
	}
	var calls, expected []*pipeline.Call
	for i, command := range commands {
		c := &pipeline.Call{Request: wire.Request{Command: command, Key: []byte("k")}}
		if err := e.Submit(0, c); err != nil {
			t.Fatal(err)
		}
		calls = append(calls, c)
		if cancelled>>i&1 == 0 {
			expected = append(expected, c)
		} else if !e.Cancel(c) {
			t.Fatal("a call in flight could not be cancelled")
		}
	}
	violation := feed(e, 0, step, stream)
	if err := violation; err != nil {
		e.Fail(err)
	} else {
		e.Fail(errors.New("the stream has ended"))
	}
	completed := e.Completed(nil)
	if len(completed) != len(expected) {
		t.Fatalf("%d calls completed, expected %d", len(completed), len(expected))
	}
	for i, c := range completed {
		if c != expected[i] {
			t.Fatalf("call %d completed out of turn", i)
		}
	}
	return calls, violation
}
