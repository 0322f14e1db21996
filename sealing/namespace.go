package sealing

import (
	"errors"
	"fmt"
)

// NamespacePrefix returns the prefix of a namespace's keys on a server: one byte with
// the namespace's length, then the namespace, which is MaxNamespace bytes at most. For
// no namespace the prefix is empty.
func NamespacePrefix(namespace string) string {
	if namespace == "" {
		return ""
	}
	return lengthPrefixed(namespace)
}

// lengthPrefixed needs s to be 255 bytes at most, which New sees to.
func lengthPrefixed(s string) string { return string([]byte{byte(len(s))}) + s }

// Derive returns a keyring with the keys of one namespace, without the root keys: its
// holder can read, write and forge values in that namespace only. Its keys have the
// ids and states of their roots; the cut is copied. To rotate, change the roots and
// derive again. The namespace is 1 to MaxNamespace bytes.
func (kr *Keyring) Derive(namespace string) (*Keyring, error) {
	switch {
	case namespace == "":
		return nil, errors.New("sealing: no namespace to derive keys for")
	case len(namespace) > MaxNamespace:
		return nil, errNamespaceSize(namespace)
	}
	if err := kr.needRoots(); err != nil {
		return nil, err
	}
	derived := &Keyring{namespace: namespace, primary: kr.primary, notBefore: kr.notBefore}
	for _, k := range kr.keys {
		if err := derived.derive(&k.secret, k.secret, infoSeal); err != nil {
			return nil, errors.Join(err, derived.Close())
		}
		derived.keys = append(derived.keys, k)
	}
	if err := derived.derive(&derived.nameRoot, kr.nameRoot, infoName); err != nil {
		return nil, errors.Join(err, derived.Close())
	}
	return derived, nil
}

// derive derives *key for kr's namespace from a root, which may be nil.
func (kr *Keyring) derive(key *secretKey, root secretKey, info string) error {
	if root == nil {
		*key = nil
		return nil
	}
	b, err := derive(root(), info+lengthPrefixed(kr.namespace))
	*key = func() []byte { return b }
	return err
}

// Namespace returns the namespace that the keys were derived for, or "" if they are
// root keys, which serve all namespaces.
func (kr *Keyring) Namespace() string { return kr.namespace }

// needRoots refuses what takes root keys.
func (kr *Keyring) needRoots() error {
	if kr.namespace != "" {
		return fmt.Errorf("sealing: the keyring holds keys derived for namespace %q: change the root keys and derive again", kr.namespace)
	}
	return nil
}

// checkNamespace refuses a namespace whose keys are not here.
func (kr *Keyring) checkNamespace(namespace string) error {
	if kr.namespace != "" && kr.namespace != namespace {
		return fmt.Errorf("sealing: the keyring is of namespace %q alone, and cannot be used for %q", kr.namespace, namespace)
	}
	return nil
}

// dataKeys returns the key of every enabled key for a namespace; a retired key's
// is nil.
func (kr *Keyring) dataKeys(namespace string) (map[uint32]*xaes, error) {
	if err := kr.checkNamespace(namespace); err != nil {
		return nil, err
	}
	keys := make(map[uint32]*xaes, len(kr.keys))
	for _, k := range kr.keys {
		keys[k.id] = nil
		if k.secret == nil {
			continue
		}
		dataKey, err := kr.namespaceKey(k.secret, infoSeal, namespace)
		if err != nil {
			return nil, err
		}
		keys[k.id], err = newXAES(dataKey)
		clear(dataKey)
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// nameKey returns the key that blind names of a namespace are made with.
func (kr *Keyring) nameKey(namespace string) ([]byte, error) {
	if kr.nameRoot == nil {
		return nil, errors.New("sealing: the keyring has no name root to make blind names with")
	}
	return kr.namespaceKey(kr.nameRoot, infoName, namespace)
}

// namespaceKey returns a copy of a key of the namespace, derived unless the
// keyring holds it as it is.
func (kr *Keyring) namespaceKey(secret secretKey, info, namespace string) ([]byte, error) {
	if kr.namespace != "" {
		return append([]byte(nil), secret()...), nil
	}
	return derive(secret(), info+lengthPrefixed(namespace))
}

func errNamespaceSize(namespace string) error {
	return fmt.Errorf("sealing: namespace is %d bytes, limit %d", len(namespace), MaxNamespace)
}
