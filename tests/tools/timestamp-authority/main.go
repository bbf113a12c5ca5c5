// A time-stamp authority for the tests: sigstore's server package, on the loopback interface only.
//
// Its own `serve` command opens metrics on all interfaces and asks NTP servers for the time; this
// program does neither. It signs with a key and a chain that the test made, prints one line with
// its port, and ends when its standard input is closed, so that it cannot outlive the test.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sigstore/timestamp-authority/v2/pkg/server"
	"github.com/spf13/viper"
)

func main() {
	chain := flag.String("chain", "", "PEM file with the signer's certificate and those above it")
	key := flag.String("key", "", "PEM file with the signer's private key")
	policy := flag.String("policy", "1.2.3.4.1", "policy of the tokens, and the only one it takes")
	hash := flag.String("hash", "sha256", "sha256, sha384 or sha512")
	port := flag.Int("port", 0, "port of 127.0.0.1 to listen on; 0: any that is free")
	flag.Parse()

	for name, value := range map[string]any{
		"timestamp-signer":          "file",
		"timestamp-signer-hash":     *hash,
		"file-signer-key-path":      *key,
		"file-signer-passwd":        "",
		"certificate-chain-path":    *chain,
		"enforce-intermediate-eku":  false,
		"include-chain-in-response": true,
		"default-policy-oid":        *policy,
		"accepted-policy-oids":      []string{*policy},
		"max-request-body-size":     uint64(1 << 16),
		"disable-ntp-monitoring":    true,
	} {
		viper.Set(name, value)
	}
	authority := server.NewRestAPIServer("127.0.0.1", *port, []string{"http"}, false, 10*time.Second, 10*time.Second)
	authority.CleanupTimeout = time.Second
	if err := authority.Listen(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("listening on http://127.0.0.1:%d/api/v1/timestamp\n", authority.Port)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	if err := authority.Serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
