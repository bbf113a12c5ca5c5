package abciclient

import (
	"fmt"
	"strings"
	"time"

	abcicli "github.com/cometbft/cometbft/abci/client"
	"github.com/cometbft/cometbft/proxy"
)

const (
	scheme = "unix://"
	// A socket's name has 108 bytes in Linux, the last one a zero.
	maxPath = 107
	// The application is started first; this is for one that is slow to listen.
	connectPatience = 10 * time.Second
)

// A Creator makes the clients of the engine's connections.
type Creator struct {
	path string
	lost func(error)
}

var _ proxy.ClientCreator = (*Creator)(nil)

// NewCreator takes the application's address, unix://PATH. lost is called by each client that loses
// the application (see New).
//
// The error says what is wrong with the address.
func NewCreator(address string, lost func(error)) (*Creator, error) {
	path, found := strings.CutPrefix(address, scheme)
	if !found || path == "" {
		return nil, fmt.Errorf("proxy_app: %q must be %sPATH", address, scheme)
	}
	if len(path) > maxPath {
		return nil, fmt.Errorf("proxy_app: the path of a unix socket has at most %d bytes, this one %d: %q",
			maxPath, len(path), path)
	}
	return &Creator{path: path, lost: lost}, nil
}

// NewABCIClient makes a client. The engine calls it for each of its four connections.
func (c *Creator) NewABCIClient() (abcicli.Client, error) {
	return New(c.path, connectPatience, c.lost), nil
}
