// Package abciclient is the engine's side of ABCI 2.0 over a unix socket.
//
// It takes the place of CometBFT's own socket client. That one wakes up every 20 nanoseconds while
// an answer is missing; this one sleeps. It also says that the application is lost before the
// engine acts on it, so that the process can end with an exit code that tells.
package abciclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"sync"
	"time"

	abcicli "github.com/cometbft/cometbft/abci/client"
	"github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/libs/service"
)

const (
	queueSize    = 256     // requests that wait to be written; callers wait when it is full
	bufferSize   = 1 << 16 // bytes
	connectPause = 50 * time.Millisecond
)

// ErrStopped is what a call gets when the client was stopped on purpose, or never started.
var ErrStopped = errors.New("the ABCI client does not run")

// A Client sends requests of one connection and matches the answers, which come in their order.
// Any goroutine may call its methods; none of them writes to the socket itself.
//
// Where the application is gone, or what it sends is no answer, the client calls lost once, then
// keeps the error (Error), then stops (Quit). Synchronous calls then return the error. CheckTxAsync
// does not: the mempool would panic. Its answer just never comes.
type Client struct {
	service.BaseService

	path     string        // of the socket
	patience time.Duration // how long Start tries to connect
	lost     func(error)

	conn     net.Conn
	queue    chan *call
	routines sync.WaitGroup // reading and writing
	failure  sync.Once

	mutex    sync.Mutex // guards what follows
	pending  []*call    // written or about to be, oldest first
	released bool       // stopped: nothing is added to pending any more
	err      error
	callback abcicli.Callback
}

var _ abcicli.Client = (*Client)(nil)

// A call is a request on its way. answered is closed when its answer is there; nil where nobody
// waits for it.
type call struct {
	*abcicli.ReqRes
	answered chan struct{}
}

// New makes a client for the unix socket at path. Start tries for patience to connect. lost is
// called at most once, from a goroutine of the client or from Start, and not after Stop.
func New(path string, patience time.Duration, lost func(error)) *Client {
	c := &Client{path: path, patience: patience, lost: lost, queue: make(chan *call, queueSize)}
	c.BaseService = *service.NewBaseService(nil, "abciclient", c)
	return c
}

// OnStart connects. The error names the socket; lost has been called with it.
func (c *Client) OnStart() error {
	conn, err := c.connect()
	if err != nil {
		c.Logger.Error("The application cannot be reached", "err", err)
		c.lost(err)
		return err
	}
	c.conn = conn
	c.routines.Add(2)
	go c.write()
	go c.read()
	return nil
}

func (c *Client) connect() (net.Conn, error) {
	deadline := time.Now().Add(c.patience)
	for tried := 0; ; tried++ {
		conn, err := net.Dial("unix", c.path)
		if err == nil {
			return conn, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("no application answers at the socket %s: %w", c.path, err)
		}
		if tried == 0 {
			c.Logger.Info("Waiting for the application", "socket", c.path)
		}
		time.Sleep(connectPause)
	}
}

// OnStop closes the connection and releases who waits. It waits for nobody: the client's own
// goroutines stop it, too.
func (c *Client) OnStop() {
	if c.conn != nil {
		_ = c.conn.Close()
	}
	c.mutex.Lock()
	pending := c.pending
	c.pending, c.released = nil, true
	c.mutex.Unlock()
	for _, waiting := range pending {
		waiting.Done()
	}
	c.drain()
}

// drain releases what waits to be written.
func (c *Client) drain() {
	for {
		select {
		case waiting := <-c.queue:
			waiting.Done()
		default:
			return
		}
	}
}

// fail gives the application up. The order matters: the process must know before the engine's own
// watch over its clients sees Quit, and Error must tell why by then.
func (c *Client) fail(err error) {
	c.failure.Do(func() {
		if !c.IsRunning() {
			return
		}
		c.Logger.Error("The application is lost", "err", err)
		c.lost(err)
		c.mutex.Lock()
		c.err = err
		c.mutex.Unlock()
		if err := c.Stop(); err != nil {
			c.Logger.Debug("the ABCI client was stopped already", "err", err)
		}
	})
}

// Error tells why the application was given up; nil while it was not.
func (c *Client) Error() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.err
}

// SetResponseCallback sets what is called with each answer, in their order, before the request's
// own callback. Flushes of the client's own are answered to nobody.
func (c *Client) SetResponseCallback(callback abcicli.Callback) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.callback = callback
}

// CheckTxAsync sends a transaction to be checked and does not wait. The only error is the context's.
// It waits while the queue is full.
func (c *Client) CheckTxAsync(
	ctx context.Context, request *types.RequestCheckTx,
) (*abcicli.ReqRes, error) {
	asked := &call{ReqRes: abcicli.NewReqRes(types.ToRequestCheckTx(request))}
	if err := c.enqueue(ctx, asked); err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return asked.ReqRes, nil
}

// ask sends a request and waits for its answer.
func (c *Client) ask(ctx context.Context, request *types.Request) (*types.Response, error) {
	asked := &call{ReqRes: abcicli.NewReqRes(request), answered: make(chan struct{})}
	if err := c.enqueue(ctx, asked); err != nil {
		return nil, err
	}
	select {
	case <-asked.answered:
		return asked.Response, nil
	case <-c.Quit():
		return nil, c.gone()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// enqueue hands a call to the writer. Where that fails, the call has been released.
func (c *Client) enqueue(ctx context.Context, asked *call) error {
	if c.IsRunning() {
		select {
		case c.queue <- asked:
			if !c.IsRunning() { // stopped meanwhile: perhaps after OnStop drained the queue
				c.drain()
			}
			return nil
		case <-c.Quit():
		case <-ctx.Done():
			asked.Done()
			return ctx.Err()
		}
	}
	asked.Done()
	return c.gone()
}

func (c *Client) gone() error {
	if err := c.Error(); err != nil {
		return fmt.Errorf("the application is lost: %w", err)
	}
	return ErrStopped
}

// take appends to the calls that wait for an answer; false where the client has stopped.
func (c *Client) take(asked *call) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.released {
		return false
	}
	c.pending = append(c.pending, asked)
	return true
}

// match finds the call that a response answers: the oldest one.
func (c *Client) match(response *types.Response) (*call, abcicli.Callback, error) {
	if exception := response.GetException(); exception != nil {
		return nil, nil, fmt.Errorf("the application answered with an exception: %q", exception.Error)
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if len(c.pending) == 0 {
		return nil, nil, fmt.Errorf("the application sent %s without a request", kind(response.Value))
	}
	asked := c.pending[0]
	if answers[reflect.TypeOf(asked.Request.Value)] != reflect.TypeOf(response.Value) {
		return nil, nil, fmt.Errorf(
			"the application answered %s with %s", kind(asked.Request.Value), kind(response.Value))
	}
	c.pending[0] = nil
	c.pending = c.pending[1:]
	return asked, c.callback, nil
}

// finish runs the callbacks, then lets go who waits.
func (asked *call) finish(response *types.Response, callback abcicli.Callback) {
	asked.Response = response
	if callback != nil {
		callback(asked.Request, response)
	}
	asked.InvokeCallback()
	asked.Done()
	if asked.answered != nil {
		close(asked.answered)
	}
}
