package cryptomem

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/Zezezknight/cryptomem/cryptomem/ring"
)

// each sends the same request to all servers at once and returns the answers.
func (s *ringStore) each(ctx context.Context, r *Request) []Request {
	all := make([]Request, len(s.stores))
	var asked sync.WaitGroup
	for i := range all {
		all[i] = Request{Command: r.Command, Name: r.Name, Value: r.Value}
		asked.Go(func() { all[i].Err = s.note(ctx, i, s.stores[i].Do(ctx, &all[i])) })
	}
	asked.Wait()
	return all
}

// failures are the errors of the answers.
func failures(all []Request) []error {
	var errs []error
	for i := range all {
		if all[i].Err != nil {
			errs = append(errs, all[i].Err)
		}
	}
	return errs
}

// flush flushes all servers. One that is away or has just come back is flushed
// before it is used again.
func (s *ringStore) flush(ctx context.Context, r *Request) error {
	r.Count = 0
	all := s.each(ctx, r)
	ours := s.failover.Pause > 0 && bytes.HasPrefix(r.Name, s.failover.Prefix)
	for i := range all {
		if all[i].Err == nil {
			r.Count += all[i].Count
		} else if s.ring.State(i) > ring.Doubted && ours {
			all[i].Err = nil
		}
	}
	errs := failures(all)
	switch {
	case len(errs) == 0:
		return nil
	case len(errs) == len(all):
		return errors.Join(errs...)
	}
	return fmt.Errorf("%w: %d of %d servers are flushed: %w", ErrMaybeApplied, len(all)-len(errs), len(all), errors.Join(errs...))
}

// ping pings all servers.
func (s *ringStore) ping(ctx context.Context, r *Request) error {
	all := s.each(ctx, r)
	if err := errors.Join(failures(all)...); err != nil {
		return err
	}
	for i := range all {
		if !bytes.Equal(all[i].Answer, r.Value) {
			return fmt.Errorf("server %s: answer to PING is not what was sent", s.name(i))
		}
	}
	r.Answer = append(r.Answer[:0], r.Value...)
	return nil
}

// stats answers with each server's statistics by its name; those of a server that
// does not answer are an "error".
func (s *ringStore) stats(ctx context.Context, r *Request) error {
	all := s.each(ctx, r)
	if errs := failures(all); len(errs) == len(all) {
		return errors.Join(errs...)
	}
	byName := make(map[string]any, len(all))
	for i := range all {
		byName[s.name(i)] = json.RawMessage(all[i].Answer)
		if all[i].Err != nil {
			byName[s.name(i)] = map[string]string{"error": all[i].Err.Error()}
		}
	}
	answer, err := json.Marshal(byName)
	r.Answer = append(r.Answer[:0], answer...)
	return err
}
