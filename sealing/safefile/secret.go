package safefile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// An ExposedError says who else could have read a secret file, or could have put
// it there.
type ExposedError struct {
	// Name is the file's name.
	Name string
	// The problem, as the rest of a sentence that begins with the name.
	Text string
	// How to fix it.
	Advice string
}

func (e *ExposedError) Error() string { return e.Name + " " + e.Text + ": " + e.Advice }

// An owner is whose a file is, or who a process is.
type owner struct {
	user int
	// groups of a file: one.
	groups []int
}

func (o owner) isIn(group int) bool {
	for _, g := range o.groups {
		if g == group {
			return true
		}
	}
	return false
}

// CheckMode returns an ExposedError if the file's mode gives access to other users.
// It does not check the owner or the folder.
//
// Only the owner may have any access; but where that is root, a group of this
// process may read too, since that is how platforms hand secrets to a process that
// is not root: Kubernetes mounts them root:fsGroup with mode 0440.
func CheckMode(name string, info fs.FileInfo) error {
	whose, known := ownerOf(info)
	if !known {
		return nil // permissions are not looked at
	}
	return checkMode(name, info, whose, false)
}

func checkMode(name string, info fs.FileInfo, whose owner, ofAny bool) error {
	if mode := info.Mode().Perm(); !private(mode, whose, self(), ofAny) {
		return &ExposedError{
			name, fmt.Sprintf("may be accessed by others than its owner (mode %04o)", mode), "chmod 600 it",
		}
	}
	return nil
}

// private reports whether the mode keeps a file from others. A tool of root's, which may
// read a file of anyone, also takes what root has handed to a group that root is not in.
func private(mode fs.FileMode, whose, self owner, ofAny bool) bool {
	switch mode & 0o077 {
	case 0:
		return true
	case 0o040:
		member := self.isIn(whose.groups[0])
		if self.user == 0 {
			return whose.user == 0 && ofAny && !member
		}
		return whose.user == 0 && member
	}
	return false
}

// checkSecret is CheckMode and also checks the folder and the owner. If this process
// is root's and any owner is accepted, it does not check the owner.
func checkSecret(name string, info fs.FileInfo, ofAny bool) error {
	whose, known := ownerOf(info)
	if !known {
		return nil
	}
	if err := checkMode(name, info, whose, ofAny); err != nil {
		return err
	}
	me := self()
	if whose.user != me.user && whose.user != 0 && (!ofAny || me.user != 0) {
		return &ExposedError{
			name, fmt.Sprintf("belongs to the user %d, who could have put any key there, and this process is the user %d", whose.user, me.user),
			"run it as that user, or give the file to this one",
		}
	}
	return checkFolders(name)
}

// checkFolders judges the folder that the name is in and, where the name is a
// link's, the one that the file is in.
func checkFolders(name string) error {
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	for _, dir := range []string{filepath.Dir(name), filepath.Dir(target)} {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		// In a sticky folder, such as /tmp, users cannot replace each other's files.
		if info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
			return &ExposedError{
				name, fmt.Sprintf("is in %s, where everyone may put another in its place (mode %04o)", dir, info.Mode().Perm()),
				"chmod o-w " + dir,
			}
		}
	}
	return nil
}
