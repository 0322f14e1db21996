// Package gorillastore keeps the sessions of github.com/gorilla/sessions in
// cryptomem.
//
//	store := gorillastore.New(client)
//	session, err := store.Get(r, "session")
//
// A visitor's cookie holds a random identifier and nothing else, so it needs
// neither signature nor encryption. The identifier lets its bearer in: the server
// sees only its SHA-256. An identifier that no session has is never kept: its
// visitor gets a new one with the next Save, no matter who chose the old one.
//
// A session that cannot be opened, because its key was retired or it was
// altered, is a new session, and so is one whose values do not decode any
// more. The first is counted and logged; neither is an error, which would lock
// the visitor out until the cookie ends.
//
// Values are encoded by encoding/gob: register your own types with gob.Register.
package gorillastore

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/gob"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/sessions"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
)

// DefaultMaxAge is how long a session lives after it was saved.
const DefaultMaxAge = 30 * 24 * time.Hour

// A Store implements sessions.Store. It is safe for concurrent use once Options
// are set.
type Store struct {
	// Options are those of new sessions. A session whose MaxAge is 0 has a cookie
	// that ends with the browser, and is kept for adapter.WithTTL.
	Options *sessions.Options

	sessions *adapter.Store
}

// New returns a store of sessions, with cookies for the whole site that live for
// DefaultMaxAge and are sent over TLS only. The client stays the caller's to
// close.
func New(client *cryptomem.Client, opts ...adapter.Option) *Store {
	return &Store{
		Options: &sessions.Options{
			Path:     "/",
			MaxAge:   int(DefaultMaxAge / time.Second),
			Secure:   true,
			HttpOnly: true,
			SameSite: http.SameSiteLaxMode,
		},
		sessions: adapter.New(client, opts...),
	}
}

// Get returns the session of that name, the same one for the whole request.
func (s *Store) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(s, name)
}

// New returns the session of that name as it is stored, or a new one. The error
// is the store's, which is away; the session is then a new one.
func (s *Store) New(r *http.Request, name string) (*sessions.Session, error) {
	session := sessions.NewSession(s, name)
	options := *s.Options
	session.Options = &options
	session.IsNew = true
	cookie, err := r.Cookie(name)
	if err != nil {
		return session, nil //nolint:nilerr // no cookie is no error
	}
	stored, found, err := s.sessions.Get(r.Context(), item(name, cookie.Value))
	if err != nil || !found {
		return session, err
	}
	values, err := decode(stored)
	if err != nil {
		s.sessions.Report(fmt.Errorf("a stored session does not decode: %w", err))
		return session, nil
	}
	session.ID, session.Values, session.IsNew = cookie.Value, values, false
	return session, nil
}

// Save stores the session and sets its cookie, which it may do before anything
// is written to w only. A session whose MaxAge is negative is removed, with its
// cookie. That the visitor has gone does not stop it.
func (s *Store) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	ctx := context.WithoutCancel(r.Context())
	if session.Options.MaxAge < 0 {
		if err := s.remove(ctx, session); err != nil {
			return err
		}
		http.SetCookie(w, sessions.NewCookie(session.Name(), "", session.Options))
		return nil
	}
	values, err := encode(session.Values)
	if err != nil {
		return fmt.Errorf("gorillastore: values of session %q: %w", session.Name(), err)
	}
	if session.ID == "" {
		session.ID = rand.Text()
	}
	ttl := time.Duration(session.Options.MaxAge) * time.Second
	if ttl == 0 {
		ttl = s.sessions.TTL()
	}
	if err := s.sessions.Set(ctx, item(session.Name(), session.ID), values, ttl); err != nil {
		return err
	}
	http.SetCookie(w, sessions.NewCookie(session.Name(), session.ID, session.Options))
	return nil
}

// Renew gives the session of that name a new identifier with its next Save, and
// removes it under the old one. Call it when a visitor logs in or gains rights:
// an attacker who planted the old identifier gets nothing by it.
func (s *Store) Renew(r *http.Request, name string) error {
	session, err := s.Get(r, name)
	if err != nil {
		return err
	}
	return s.remove(context.WithoutCancel(r.Context()), session)
}

// Unopened returns how many sessions could not be opened so far.
func (s *Store) Unopened() uint64 { return s.sessions.Unopened() }

// remove deletes the stored session, whose ID is then unused.
func (s *Store) remove(ctx context.Context, session *sessions.Session) error {
	if session.ID == "" {
		return nil
	}
	_, err := s.sessions.Delete(ctx, item(session.Name(), session.ID))
	if err == nil {
		session.ID = ""
	}
	return err
}

// item returns what a session is stored as: an identifier counts for the name
// that it was made for only.
func item(name, id string) string { return name + "\x00" + id }

func encode(values map[any]any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(values)
	return b.Bytes(), err
}

func decode(b []byte) (values map[any]any, err error) {
	err = gob.NewDecoder(bytes.NewReader(b)).Decode(&values) //nolint:gosec // a holder of the key wrote it
	if values == nil {
		values = make(map[any]any)
	}
	return values, err
}
