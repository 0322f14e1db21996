package cryptomem_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	"github.com/Zezezknight/cryptomem/sealing"
)

// recipe gives an example a client, and a server whose time it can move. In a
// test, cryptomemtest.NewServer takes the *testing.T.
func recipe() (context.Context, *cryptomem.Client, *cryptomemtest.Server, func()) {
	t := new(exampleTB)
	server := cryptomemtest.NewServer(t)
	return context.Background(), server.Client(), server, t.end
}

// exampleTB stands for the *testing.T that an example does not have.
type exampleTB []func()

func (t *exampleTB) Helper()                   {}
func (t *exampleTB) Cleanup(f func())          { *t = append(*t, f) }
func (t *exampleTB) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

func (t *exampleTB) end() {
	for i := len(*t) - 1; i >= 0; i-- {
		(*t)[i]()
	}
}

func Example_sessions() {
	ctx, client, server, end := recipe()
	defer end()
	type session struct{ User string }

	sessions, lifetime := cryptomem.JSON[session](client), cryptomem.TTL(30*time.Minute)
	login := func(user string) (id string, err error) {
		id = rand.Text() // for the visitor's cookie
		return id, sessions.Set(ctx, id, session{User: user}, lifetime)
	}
	find := func(id string) (session, error) {
		if err := sessions.Touch(ctx, id, lifetime); err != nil {
			return session{}, err // ErrNotFound: log in again
		}
		return sessions.Get(ctx, id)
	}
	id, _ := login("ada")
	server.Advance(29 * time.Minute)
	fmt.Println(find(id))
	server.Advance(30 * time.Minute)
	fmt.Println(find(id))
	// Output:
	// {ada} <nil>
	// {} not found
}

func Example_query() {
	ctx, client, _, end := recipe()
	defer end()
	table := map[string]string{"17": "first draft"}

	read := func(id string) ([]byte, error) {
		return client.GetOrLoad(ctx, "article:"+id, func(context.Context) ([]byte, error) {
			return []byte(table[id]), nil // the query
		}, cryptomem.TTL(10*time.Minute), cryptomem.Stale(time.Hour))
	}
	write := func(id, text string) error {
		table[id] = text // the statement; after its commit:
		return client.Invalidate(ctx, "article:"+id)
	}

	for _, text := range []string{"second draft", "third draft"} {
		_ = write("17", text)
		article, err := read("17")
		fmt.Println(string(article), err)
	}
	// Output:
	// second draft <nil>
	// third draft <nil>
}

func Example_nothingThere() {
	ctx, client, _, end := recipe()
	defer end()
	queries := 0

	find := func(id string) ([]byte, error) {
		return client.GetOrLoad(ctx, "user:"+id, func(context.Context) ([]byte, error) {
			queries++
			return nil, cryptomem.NotFoundFor(5 * time.Second) // for sql.ErrNoRows
		}, cryptomem.TTL(time.Hour))
	}

	for range 3 {
		_, err := find("nobody")
		fmt.Println(errors.Is(err, cryptomem.ErrNotFound))
	}
	fmt.Println(queries, "query")
	// Output:
	// true
	// true
	// true
	// 1 query
}

func Example_cron() {
	ctx, client, server, end := recipe()
	defer end()
	nightly := func(job func(context.Context) error) error { // called by every process, every night
		lock, err := client.TryLock(ctx, "report", cryptomem.TTL(30*time.Second))
		if err != nil {
			return err // ErrLocked: another process runs it
		}
		defer lock.Unlock(context.WithoutCancel(ctx))
		today := "report:" + server.Clock.Now().Format(time.DateOnly)
		if done, err := client.Exists(ctx, today); done || err != nil {
			return err
		}
		if err := job(lock.KeepAlive(ctx)); err != nil { // its context ends if the lock is lost
			return err
		}
		return client.Set(ctx, today, nil, cryptomem.TTL(48*time.Hour))
	}
	jam := func(context.Context) error { return errors.New("paper jam") }
	report := func(context.Context) error { _, err := fmt.Println("report"); return err }
	fmt.Println(nightly(jam), nightly(report), nightly(report))
	// Output:
	// report
	// paper jam <nil> <nil>
}

func Example_rateLimiter() {
	ctx, client, server, end := recipe()
	defer end()

	const limit = 3 // a minute
	allow := func(visitor string) bool {
		n, err := client.Increment(ctx, "rate:"+visitor, 1, cryptomem.TTL(time.Minute))
		return err != nil || n <= limit // without the store, let everyone in
	}

	for range 5 {
		fmt.Print(allow("192.0.2.7"), " ")
	}
	server.Advance(time.Minute)
	fmt.Println(allow("192.0.2.7"))
	// Output: true true true false false true
}

func Example_counters() {
	ctx, client, _, end := recipe()
	defer end()

	day := "2030-01-01"
	for _, page := range []string{"/", "/about", "/"} {
		_, err := client.Increment(ctx, "views:"+day+":"+page, 1, cryptomem.TTL(7*24*time.Hour))
		if err != nil {
			fmt.Println(err)
		}
	}
	for _, r := range client.GetMany(ctx, []string{"views:" + day + ":/", "views:" + day + ":/about"}) {
		fmt.Println(string(r.Value), r.Err)
	}
	// Output:
	// 2 <nil>
	// 1 <nil>
}

func Example_rotation() {
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "key.json")
	keys, _ := sealing.NewKeyring(time.Now()) // cryptomem keygen --output key.json
	_ = keys.WriteFile(file)
	addr, stop := serveExample()
	defer stop()
	ctx := context.Background()

	client, err := cryptomem.Dial(ctx, addr, cryptomem.WithKeyFile(file))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	// What "cryptomem keygen add", "promote" and "retire" change in the file is in
	// use within 10 seconds. For keys from elsewhere, call client.Rekey(keyring).

	fmt.Println(client.Set(ctx, "k", []byte("sealed with the file's primary key")))
	// Output: <nil>
}

func Example_outage() {
	ctx, _, server, end := recipe()
	defer end()

	client := server.Client(
		cryptomem.WithDialTimeout(time.Second), // how long connecting may take
		cryptomem.WithTimeout(time.Second),     // how long the server may be silent
		cryptomem.WithAttempts(2),              // how often to try
	)
	server.Down()
	short, cancel := context.WithTimeout(ctx, 2*time.Second) // how long the whole call may take
	defer cancel()
	_, err := client.Get(short, "k")
	fmt.Println(errors.Is(err, cryptomem.ErrUnavailable))
	value, err := client.GetOrLoad(short, "k", func(context.Context) ([]byte, error) {
		return []byte("from the database"), nil // called when the store is down
	})
	fmt.Println(string(value), err)
	// Output:
	// true
	// from the database <nil>
}

func Example_test() {
	t := new(exampleTB) // your *testing.T
	defer t.end()

	server := cryptomemtest.NewServer(t)
	client := server.Client(cryptomem.WithDefaultTTL(time.Hour))
	ctx := context.Background()
	_ = client.Set(ctx, "k", []byte("v"))
	server.Advance(time.Hour) // the test does not wait
	_, err := client.Get(ctx, "k")
	fmt.Println(err)

	server.Down() // and Up
	_, err = client.Get(ctx, "k")
	fmt.Println(errors.Is(err, cryptomem.ErrUnavailable))
	// Output:
	// not found
	// true
}

func Example_evolution() {
	ctx, client, _, end := recipe()
	defer end()

	type userV1 struct{ Name string }
	type userV2 struct { // the next release adds a field
		Name  string
		Email string `json:",omitempty"`
	}
	old, users := cryptomem.JSON[userV1](client), cryptomem.JSON[userV2](client)
	_ = old.Set(ctx, "user:17", userV1{Name: "Ada"}, cryptomem.TTL(time.Hour))
	u, err := users.Update(ctx, "user:17", func(u userV2, found bool) (userV2, error) {
		u.Email = "ada@example.com"
		return u, nil // the expiry stays as it was
	})
	fmt.Println(u.Name, u.Email, err)
	// If old releases cannot read the new type, use new keys: "user/2:17".
	// Output: Ada ada@example.com <nil>
}

func Example_many() {
	ctx, client, _, end := recipe()
	defer end()

	errs := client.SetMany(ctx, []cryptomem.Pair{
		{Key: "a", Value: []byte("1")},
		{Key: "b", Value: []byte("2")},
	}, cryptomem.TTL(time.Minute))
	fmt.Println(errors.Join(errs...))
	for _, r := range client.GetMany(ctx, []string{"a", "b", "c"}) {
		fmt.Printf("%q %v\n", r.Value, r.Err)
	}
	removed, err := client.DeleteMany(ctx, []string{"a", "b", "c"})
	fmt.Println(removed, err)
	// Output:
	// <nil>
	// "1" <nil>
	// "2" <nil>
	// "" not found
	// 2 <nil>
}

func Example_readiness() {
	_, client, server, end := recipe()
	defer end()

	// Health check libraries take client.Ping directly.
	ready := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		if err := client.Ping(ctx); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})

	probe := func() int {
		answer := httptest.NewRecorder()
		ready.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		return answer.Code
	}
	fmt.Println(probe())
	server.Down()
	fmt.Println(probe())
	// Output:
	// 200
	// 503
}
