package abciclient

import (
	"bufio"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cometbft/cometbft/abci/types"
)

// A peer is the application's end of a connection.
type peer struct {
	conn net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
}

// receive gives the next request; false at the end.
func (p *peer) receive() (*types.Request, bool) {
	request := &types.Request{}
	return request, types.ReadMessage(p.in, request) == nil
}

// answer keeps a response until flush.
func (p *peer) answer(response *types.Response) {
	_ = types.WriteMessage(response, p.out) // the client may have gone: the test then sees to it
}

func (p *peer) flush() { _ = p.out.Flush() }

// send writes bytes as they are.
func (p *peer) send(raw []byte) { _, _ = p.conn.Write(raw) }

// wait returns when the client has gone.
func (p *peer) wait() {
	for {
		if _, more := p.receive(); !more {
			return
		}
	}
}

// serve answers as an application does that writes only when it is asked to flush.
func (p *peer) serve() {
	for {
		request, more := p.receive()
		if !more {
			return
		}
		switch asked := request.Value.(type) {
		case *types.Request_CheckTx:
			p.answer(types.ToResponseCheckTx(&types.ResponseCheckTx{Data: asked.CheckTx.Tx}))
		case *types.Request_Echo:
			p.answer(types.ToResponseEcho(asked.Echo.Message))
		case *types.Request_Flush:
			p.answer(types.ToResponseFlush())
			p.flush()
		}
	}
}

// A trial is a client connected to an application that behaves as the test says.
type trial struct {
	*Client
	losses atomic.Int32
	lost   chan error // the first loss
}

func socketPath(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "abci") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return filepath.Join(folder, "s")
}

// connected starts an application and a client. Both have ended when the test ends.
func connected(t *testing.T, application func(*peer)) *trial {
	t.Helper()
	path := socketPath(t)
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		application(&peer{conn, bufio.NewReader(conn), bufio.NewWriter(conn)})
	}()
	tried := &trial{lost: make(chan error, 1)}
	tried.Client = New(path, time.Minute, func(err error) {
		if tried.losses.Add(1) > 1 {
			t.Error("the loss was told twice")
			return
		}
		if !tried.IsRunning() || tried.Error() != nil {
			t.Error("the loss was told after the client acted on it")
		}
		tried.lost <- err
	})
	t.Cleanup(func() {
		if err := tried.Stop(); err != nil && tried.IsRunning() {
			t.Error(err)
		}
		_ = listener.Close()
		tried.routines.Wait()
		<-served
	})
	if err := tried.Start(); err != nil {
		t.Fatal(err)
	}
	return tried
}

// mustBeLost waits for the loss and checks what the engine then relies on.
func (tried *trial) mustBeLost(t *testing.T) error {
	t.Helper()
	reason := <-tried.lost
	<-tried.Quit()
	if !errors.Is(tried.Error(), reason) {
		t.Errorf("the client's error is %v, the loss was %v", tried.Error(), reason)
	}
	if _, err := tried.Echo(t.Context(), "still there?"); !errors.Is(err, reason) {
		t.Errorf("a synchronous call after the loss returned %v", err)
	}
	unanswered, err := tried.CheckTxAsync(t.Context(), &types.RequestCheckTx{Tx: []byte("x")})
	if err != nil {
		t.Errorf("CheckTxAsync after the loss returned %v: the mempool would panic", err)
	} else {
		unanswered.SetCallback(func(*types.Response) { t.Error("a callback without an answer") })
		unanswered.Wait()
	}
	return reason
}
