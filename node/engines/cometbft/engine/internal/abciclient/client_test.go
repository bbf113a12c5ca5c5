package abciclient

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cometbft/cometbft/abci/server"
	"github.com/cometbft/cometbft/abci/types"
)

func TestManySendersGetTheirAnswersInOrder(t *testing.T) {
	const senders, each = 8, 1000
	tried := connected(t, (*peer).serve)
	var asked, answered [][]byte // by one goroutine, that of the answers
	tried.SetResponseCallback(func(request *types.Request, response *types.Response) {
		if check := request.GetCheckTx(); check != nil {
			asked = append(asked, check.Tx)
			answered = append(answered, response.GetCheckTx().Data)
		}
	})
	var sending sync.WaitGroup
	for sender := range senders {
		sending.Add(1)
		go func() {
			defer sending.Done()
			for n := range each {
				tx := []byte(fmt.Sprintf("%d/%d", sender, n))
				sent, err := tried.CheckTxAsync(t.Context(), &types.RequestCheckTx{Tx: tx})
				if err != nil {
					t.Error(err)
					return
				}
				sent.SetCallback(func(response *types.Response) {
					if got := response.GetCheckTx().Data; !bytes.Equal(got, tx) {
						t.Errorf("%s was answered with %s", tx, got)
					}
				})
			}
		}()
	}
	sending.Wait()
	if err := tried.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(answered) != senders*each {
		t.Fatalf("%d answers before the flush", len(answered))
	}
	next := make([]int, senders)
	for i, tx := range answered {
		if !bytes.Equal(asked[i], tx) {
			t.Fatalf("%s was answered with %s", asked[i], tx)
		}
		var sender, n int
		if _, err := fmt.Sscanf(string(tx), "%d/%d", &sender, &n); err != nil {
			t.Fatal(err)
		}
		if n != next[sender] {
			t.Fatalf("sender %d: answer %d came when %d was due", sender, n, next[sender])
		}
		next[sender]++
	}
}

func TestCallbacksHaveRunWhenFlushReturns(t *testing.T) {
	tried := connected(t, (*peer).serve)
	for range 100 {
		ran := 0 // by the goroutine of the answers, or by this one, before the flush is answered
		for range 50 {
			sent, err := tried.CheckTxAsync(t.Context(), &types.RequestCheckTx{})
			if err != nil {
				t.Fatal(err)
			}
			called := false
			sent.SetCallback(func(*types.Response) { called = true })
			defer func() {
				if !called {
					t.Error("a callback was never called")
				}
			}()
		}
		last, err := tried.CheckTxAsync(t.Context(), &types.RequestCheckTx{})
		if err != nil {
			t.Fatal(err)
		}
		last.SetCallback(func(*types.Response) { ran++ })
		if err := tried.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if ran != 1 {
			t.Fatalf("the callback of the request before the flush ran %d times", ran)
		}
	}
}

// The application ends, or sends what is no answer, when it has read one request of the given kind.
func TestTheApplicationIsLost(t *testing.T) {
	length := func(n uint64) []byte { return binary.AppendUvarint(nil, n) }
	for _, c := range []struct {
		name    string
		says    string
		instead func(*peer)
	}{
		{"dies", "cannot be read: EOF", func(p *peer) {}},
		{"part of a length", "EOF", func(p *peer) { p.send([]byte{0x80}) }},
		{"part of a message", "EOF", func(p *peer) { p.send(append(length(10), 1, 2, 3)) }},
		{"a length beyond all bounds", "exceeds max size", func(p *peer) { p.send(length(1 << 40)); p.wait() }},
		{"a length of eleven bytes", "overflow", func(p *peer) {
			p.send(bytes.Repeat([]byte{0xff}, 11))
			p.wait()
		}},
		{"no protobuf", "cannot be read", func(p *peer) { p.send([]byte{2, 0xff, 0xff}); p.wait() }},
		{"another kind", "with Response_Info", func(p *peer) {
			p.answer(types.ToResponseInfo(&types.ResponseInfo{}))
			p.flush()
			p.wait()
		}},
		{"an answer without content", "with a message without content", func(p *peer) {
			p.answer(&types.Response{})
			p.flush()
			p.wait()
		}},
		{"an exception", `exception: "no such luck"`, func(p *peer) {
			p.answer(types.ToResponseException("no such luck"))
			p.flush()
			p.wait()
		}},
	} {
		t.Run(c.name+"/synchronous", func(t *testing.T) {
			tried := connected(t, func(p *peer) { p.receive(); c.instead(p) })
			if _, err := tried.Echo(t.Context(), "hello"); err == nil {
				t.Error("the call returned no error")
			}
			if err := tried.mustBeLost(t); !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v does not say %q", err, c.says)
			}
		})
		t.Run(c.name+"/asynchronous", func(t *testing.T) {
			tried := connected(t, func(p *peer) { p.receive(); c.instead(p) })
			for range 2000 {
				sent, err := tried.CheckTxAsync(t.Context(), &types.RequestCheckTx{Tx: []byte("x")})
				if err != nil {
					t.Fatalf("%v: the mempool would panic", err)
				}
				sent.SetCallback(func(*types.Response) { t.Error("a callback without an answer") })
				defer sent.Wait()
			}
			// What is still unread when the application goes may make of the end a reset.
			err := tried.mustBeLost(t)
			if !strings.Contains(err.Error(), c.says) && !errors.Is(err, syscall.ECONNRESET) &&
				!errors.Is(err, syscall.EPIPE) {
				t.Errorf("%v does not say %q", err, c.says)
			}
		})
	}
}

func TestTheApplicationDiesWhileNothingIsAsked(t *testing.T) {
	leave := make(chan struct{})
	tried := connected(t, func(*peer) { <-leave })
	close(leave)
	if err := tried.mustBeLost(t); !strings.Contains(err.Error(), "EOF") {
		t.Error(err)
	}
}

func TestAnAnswerToNothing(t *testing.T) {
	tried := connected(t, func(p *peer) {
		p.answer(types.ToResponseEcho("unasked"))
		p.flush()
		p.wait()
	})
	if err := tried.mustBeLost(t); !strings.Contains(err.Error(), "Response_Echo without a request") {
		t.Error(err)
	}
}

func TestStopReleasesWhoWaits(t *testing.T) {
	tried := connected(t, (*peer).wait) // never answers
	const callers = 50
	returned := make(chan error, callers)
	for range callers {
		go func() {
			_, err := tried.Info(context.Background(), &types.RequestInfo{})
			returned <- err
		}()
	}
	var sent []interface{ Wait() }
	for range 100 {
		one, err := tried.CheckTxAsync(t.Context(), &types.RequestCheckTx{})
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, one)
	}
	if err := tried.Stop(); err != nil {
		t.Fatal(err)
	}
	for range callers {
		if err := <-returned; !errors.Is(err, ErrStopped) {
			t.Errorf("a caller got %v", err)
		}
	}
	for _, one := range sent {
		one.Wait()
	}
	if tried.losses.Load() != 0 || tried.Error() != nil {
		t.Error("a stop on purpose was told as a loss")
	}
}

// Senders race with the stop: each must be released, none may be released twice (it would panic).
func TestStopAmidSenders(t *testing.T) {
	for range 50 {
		tried := connected(t, (*peer).serve)
		var sending sync.WaitGroup
		for range 4 {
			sending.Add(1)
			go func() {
				defer sending.Done()
				for range 100 {
					one, err := tried.CheckTxAsync(context.Background(), &types.RequestCheckTx{})
					if err != nil {
						t.Error(err)
						return
					}
					one.Wait()
				}
			}()
		}
		if err := tried.Stop(); err != nil {
			t.Fatal(err)
		}
		sending.Wait()
	}
}

func TestASenderDoesNotWaitForTheSocket(t *testing.T) {
	read := make(chan struct{})
	tried := connected(t, func(p *peer) { <-read; p.serve() })
	big := make([]byte, 100_000) // more in all than a socket holds
	for range queueSize {
		if _, err := tried.CheckTxAsync(t.Context(), &types.RequestCheckTx{Tx: big}); err != nil {
			t.Fatal(err)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	var refused error
	for range queueSize + 2 { // until the queue is full, too
		if _, err := tried.CheckTxAsync(ended, &types.RequestCheckTx{Tx: big}); err != nil {
			refused = err
			break
		}
	}
	if !errors.Is(refused, context.Canceled) {
		t.Errorf("with a full queue and an ended context the answer was %v", refused)
	}
	close(read)
	if err := tried.Flush(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	answer := make(chan struct{})
	tried := connected(t, func(p *peer) { <-answer; p.serve() })
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := tried.Echo(ended, "given up"); !errors.Is(err, context.Canceled) {
		t.Errorf("the call returned %v", err)
	}
	close(answer) // the late answer disturbs nobody
	echo, err := tried.Echo(t.Context(), "next")
	if err != nil || echo.Message != "next" {
		t.Errorf("then came %v, %v", echo, err)
	}
}

// Every call of ABCI, against the server and the base application that CometBFT brings.
func TestEveryCall(t *testing.T) {
	path := socketPath(t)
	serving := server.NewSocketServer("unix://"+path, types.NewBaseApplication())
	if err := serving.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = serving.Stop() }()
	client := New(path, time.Minute, func(err error) { t.Errorf("lost: %v", err) })
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Stop() }()
	ctx := t.Context()
	type result struct {
		answer any
		err    error
	}
	keep := func(answer any, err error) result { return result{answer, err} }
	for name, got := range map[string]result{
		"Echo":                keep(client.Echo(ctx, "hello")),
		"Info":                keep(client.Info(ctx, &types.RequestInfo{})),
		"InitChain":           keep(client.InitChain(ctx, &types.RequestInitChain{})),
		"Query":               keep(client.Query(ctx, &types.RequestQuery{})),
		"CheckTx":             keep(client.CheckTx(ctx, &types.RequestCheckTx{})),
		"Commit":              keep(client.Commit(ctx, &types.RequestCommit{})),
		"ListSnapshots":       keep(client.ListSnapshots(ctx, &types.RequestListSnapshots{})),
		"OfferSnapshot":       keep(client.OfferSnapshot(ctx, &types.RequestOfferSnapshot{})),
		"LoadSnapshotChunk":   keep(client.LoadSnapshotChunk(ctx, &types.RequestLoadSnapshotChunk{})),
		"ApplySnapshotChunk":  keep(client.ApplySnapshotChunk(ctx, &types.RequestApplySnapshotChunk{})),
		"PrepareProposal":     keep(client.PrepareProposal(ctx, &types.RequestPrepareProposal{})),
		"ProcessProposal":     keep(client.ProcessProposal(ctx, &types.RequestProcessProposal{})),
		"ExtendVote":          keep(client.ExtendVote(ctx, &types.RequestExtendVote{})),
		"VerifyVoteExtension": keep(client.VerifyVoteExtension(ctx, &types.RequestVerifyVoteExtension{})),
		"FinalizeBlock":       keep(client.FinalizeBlock(ctx, &types.RequestFinalizeBlock{})),
	} {
		if want := "*types.Response" + name; got.err != nil || fmt.Sprintf("%T", got.answer) != want {
			t.Errorf("%s gave %T, %v", name, got.answer, got.err)
		}
	}
	if err := client.Flush(ctx); err != nil {
		t.Error(err)
	}
}

func TestNobodyListens(t *testing.T) {
	path := socketPath(t)
	var told error
	client := New(path, 0, func(err error) { told = err })
	err := client.Start()
	if err == nil || !strings.Contains(err.Error(), path) || told != err {
		t.Errorf("Start returned %v, the loss was told as %v", err, told)
	}
	if _, err := client.Echo(t.Context(), "hello"); !errors.Is(err, ErrStopped) {
		t.Errorf("a call then returned %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for address, says := range map[string]string{
		"":                                   "must be unix://PATH",
		"kvstore":                            "must be unix://PATH",
		"tcp://127.0.0.1:26658":              "must be unix://PATH",
		"unix://":                            "must be unix://PATH",
		"unix://" + strings.Repeat("x", 108): "at most 107 bytes, this one 108",
	} {
		if _, err := NewCreator(address, nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q gave %v", address, err)
		}
	}
	for _, address := range []string{"unix://abci.sock", "unix://" + strings.Repeat("x", 107)} {
		creator, err := NewCreator(address, nil)
		if err != nil {
			t.Fatal(err)
		}
		one, err := creator.NewABCIClient()
		if err != nil || one == nil {
			t.Errorf("%q gave %v, %v", address, one, err)
		}
	}
}

func TestNoGoroutineIsLeft(t *testing.T) {
	for _, application := range []func(*peer){(*peer).serve, (*peer).wait, func(*peer) {}} {
		tried := connected(t, application)
		_, _ = tried.CheckTxAsync(t.Context(), &types.RequestCheckTx{})
		_ = tried.Stop()
		<-tried.Quit()
		tried.routines.Wait()
	}
	for { // a goroutine still ends when it has said that it does
		var stacks bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&stacks, 2); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(stacks.String(), "abciclient.(*Client)") {
			return
		}
		runtime.Gosched()
	}
}
