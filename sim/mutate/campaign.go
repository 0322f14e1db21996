package mutate

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// A Campaign tries many mutants, several at a time. What is known of each is
// kept in a file as soon as it is, so that a campaign that was broken off goes
// on where it was.
type Campaign struct {
	Trial       *Trial
	Equivalents []Equivalent
	// Verdicts and survivors are kept here.
	Dir     string
	Workers int
	Out     io.Writer // progress

	// Guards everything below.
	mu       sync.Mutex
	verdicts map[string]*Verdict
	tried    int
	errs     error
}

// Run tries the mutants and returns a verdict for each, in their order.
func (c *Campaign) Run(mutants []*Mutant) ([]*Verdict, error) {
	if err := os.MkdirAll(c.Dir, 0o750); err != nil {
		return nil, err
	}
	if err := c.resume(); err != nil {
		return nil, err
	}
	kept, err := os.OpenFile(c.file(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	// every line is written on its own
	defer func() { _ = kept.Close() }()
	next := make(chan *Mutant)
	var workers sync.WaitGroup
	for range c.Workers {
		workers.Go(func() {
			for m := range next {
				c.try(m, kept, len(mutants))
			}
		})
	}
	for _, m := range mutants {
		next <- m
	}
	close(next)
	workers.Wait()
	var all []*Verdict
	for _, m := range mutants {
		if v := c.verdicts[m.ID()]; v != nil {
			all = append(all, v)
		}
	}
	return all, c.errs
}

func (c *Campaign) file() string { return filepath.Join(c.Dir, "verdicts.jsonl") }

// resume reads what an earlier campaign has found out.
func (c *Campaign) resume() error {
	c.verdicts = map[string]*Verdict{}
	f, err := os.Open(c.file())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// it was only read
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var v Verdict
		// the last line may be torn
		if json.Unmarshal(lines.Bytes(), &v) == nil {
			c.verdicts[v.ID] = &v
		}
	}
	return nil
}

// try tries one mutant, unless its fate is known.
func (c *Campaign) try(m *Mutant, kept io.Writer, of int) {
	c.mu.Lock()
	v := c.verdicts[m.ID()]
	c.mu.Unlock()
	known := v != nil
	if !known {
		dir, err := os.MkdirTemp(c.Trial.Dir, "mutant")
		if err == nil {
			v, err = c.Trial.Try(m, dir)
			// the whole of Trial.Dir goes in the end
			_ = os.RemoveAll(dir)
		}
		if err != nil {
			c.mu.Lock()
			c.errs = errors.Join(c.errs, fmt.Errorf("%v: %w", m, err))
			c.mu.Unlock()
			return
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tried++
	if !known {
		c.verdicts[v.ID] = v
		// it is made of words and numbers
		line, _ := json.Marshal(v)
		if _, err := fmt.Fprintf(kept, "%s\n", line); err != nil {
			c.errs = errors.Join(c.errs, err)
		}
	}
	if v.Survived() {
		c.excuse(m, v)
	}
	if v.Survived() {
		name := filepath.Join(c.Dir, v.ID+".patch")
		if err := os.WriteFile(name, []byte(m.Patch()), 0o600); err != nil {
			c.errs = errors.Join(c.errs, err)
		}
	}
	fmt.Fprintf(c.Out, "%3d/%d %-10s %6.1fs  %v  %s\n", c.tried, of, v.fate(), v.Seconds, m, v.How)
}

// excuse looks for the recorded reason why no test can find a mutant.
func (c *Campaign) excuse(m *Mutant, v *Verdict) {
	for i := range c.Equivalents {
		if c.Equivalents[i].Is(m) {
			v.Equivalent = c.Equivalents[i].Reason
		}
	}
}

// fate is a verdict in one word.
func (v *Verdict) fate() string {
	switch {
	case v.By != "":
		return v.By
	case v.Equivalent != "":
		return "equivalent"
	}
	return "SURVIVES"
}
