package valkeystore

import (
	"encoding/json"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// stats answers STATS with what the store knows by itself: a server's INFO is a
// right that a client need not have.
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
