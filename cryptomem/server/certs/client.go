package certs

import (
	"crypto/tls"
	"errors"
	"fmt"
)

// ClientFiles says what a client trusts and shows. All may be empty.
type ClientFiles struct {
	// PEM file of the authorities that are trusted; empty: the system's.
	CA string
	// ServerName in the server's certificate; empty: the host that is dialled.
	ServerName string
	// PEM files of the certificate to show and its private key.
	Cert, Key string
}

// ClientConfig reads the files. It is a client's side of [Source]: TLS 1.3 and
// nothing older.
func ClientConfig(files ClientFiles) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS13, ServerName: files.ServerName}
	if files.CA != "" {
		var err error
		if cfg.RootCAs, err = ReadAuthorities(files.CA); err != nil {
			return nil, err
		}
	}
	if (files.Cert == "") != (files.Key == "") {
		return nil, errors.New("client certificate: a certificate and its private key belong together, and only one of them is named")
	}
	if files.Cert != "" {
		pair, err := readPair(files.Cert, files.Key)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
