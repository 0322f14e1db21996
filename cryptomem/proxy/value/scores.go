package value

import (
	"bytes"
	"cmp"
	"slices"
	"sort"
)

// Scores are the members of a sorted set, ordered by score and then by member.
type Scores []Score

// A Score is a member of a sorted set with its score, which is never NaN.
type Score struct {
	Member []byte
	Score  float64
}

func compareScores(a, b Score) int {
	return cmp.Or(cmp.Compare(a.Score, b.Score), bytes.Compare(a.Member, b.Member))
}

// Index returns the member's rank from the lowest score on, or -1.
func (s Scores) Index(member []byte) int {
	return slices.IndexFunc(s, func(m Score) bool { return bytes.Equal(m.Member, member) })
}

// Set copies the member in, or gives it the score, and reports whether it is
// new.
func (s *Scores) Set(member []byte, score float64) (added bool) {
	i := s.Index(member)
	if i >= 0 {
		if (*s)[i].Score == score {
			return false
		}
		member = (*s)[i].Member
		*s = slices.Delete(*s, i, i+1)
	} else {
		member = append([]byte{}, member...)
	}
	if score == 0 && len(member) <= shortMember && s.Short() {
		// a list has whole numbers as integers, which know no -0
		score = 0
	}
	m := Score{Member: member, Score: score}
	at, _ := slices.BinarySearchFunc(*s, m, compareScores)
	*s = slices.Insert(*s, at, m)
	return i < 0
}

// What Redis keeps as one list, and not as a tree, by default.
const (
	shortMembers = 128
	shortMember  = 64 // bytes
)

// Short reports whether Redis would keep the set as one list, which shows in how
// it writes some scores. One that was longer before stays a tree there.
func (s Scores) Short() bool {
	return len(s) <= shortMembers && !slices.ContainsFunc(s, func(m Score) bool { return len(m.Member) > shortMember })
}

// Delete removes the member and reports whether there was one.
func (s *Scores) Delete(member []byte) bool {
	i := s.Index(member)
	if i >= 0 {
		*s = slices.Delete(*s, i, i+1)
	}
	return i >= 0
}

// Range returns where the members begin and end for which low is true from some
// rank on, and high up to some rank.
func (s Scores) Range(low, high func(Score) bool) (from, to int) {
	from = sort.Search(len(s), func(i int) bool { return low(s[i]) })
	to = sort.Search(len(s), func(i int) bool { return !high(s[i]) })
	return from, max(from, to)
}
