package valkeystore

import (
	"encoding/json"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// stats answers STATS with the store's own counters: the client may lack the right
// to run INFO on the server.
func (s *Store) stats(r *cryptomem.Request) error {
	var all any = map[string]any{"errors": s.Counts()}
	switch string(r.Name) {
	case "":
	case "errors":
		all = s.Counts()
	default:
		return cryptomem.ErrNotFound
	}
	answer, err := json.Marshal(all)
	r.Answer = append(r.Answer[:0], answer...)
	return err
}
