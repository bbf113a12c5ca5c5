package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/node"
)

const (
	// exitLost is the exit code where the application died, hangs while the engine shall end, or
	// answered nonsense (EX_SOFTWARE of sysexits.h).
	exitLost = 70
	// stopLimit is how long the node may take to stop once the application is lost.
	stopLimit = 5 * time.Second
	// endLimit is how long it may take when it was asked to end.
	endLimit = 10 * time.Second
	// trapTime is how long the start command's own handler may take to begin to stop the node.
	trapTime = time.Second
)

// A guard ends the process with the right exit code.
//
// CometBFT answers the loss of its application with SIGTERM to itself and ends with 0, as if
// somebody had asked it to. The guard is told of the loss first: it has the process ignore that
// signal, stops the node and ends with exitLost.
type guard struct {
	logger log.Logger
	exit   func(code int)

	mutex  sync.Mutex // guards what follows
	node   *node.Node // nil while it is being made
	ending bool       // asked to end, or the application is lost
	lost   bool       // the latter
}

func newGuard() *guard { return &guard{logger: log.NewNopLogger(), exit: os.Exit} }

// watch tells the guard which node it is to stop.
func (g *guard) watch(made *node.Node) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.node = made
}

// begin marks the end of the process, and returns its node. It is true for the first who calls.
func (g *guard) begin(lost bool) (*node.Node, bool) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	first := !g.ending
	if first {
		g.ending, g.lost = true, lost
	}
	return g.node, first
}

func (g *guard) isLost() bool {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.lost
}

// leave ends the process with code, unless the application is lost: then that is why.
func (g *guard) leave(code int) {
	if g.isLost() {
		code = exitLost
	}
	g.exit(code)
}

// cover is deferred by main: a node that is starting may panic where the application is lost.
func (g *guard) cover() {
	if reason := recover(); reason != nil {
		if g.isLost() {
			g.exit(exitLost)
		}
		panic(reason)
	}
}

// obey ends the process with 0 on SIGTERM and SIGINT, also while the node is being made or starts.
// Once it runs the start command has a handler of its own, which stops it; this one only sees to it
// that it ends, even if the node waits for an application that hangs.
func (g *guard) obey(logger log.Logger) {
	g.logger = logger
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		made, first := g.begin(false)
		if !first {
			return
		}
		if made == nil {
			g.exit(0)
		}
		time.Sleep(trapTime)
		if made.IsRunning() { // nobody stops it: it is still starting
			g.exit(0)
		}
		time.Sleep(endLimit)
		g.logger.Error("The node does not stop; the application may hang")
		g.exit(exitLost)
	}()
}

// lose ends the process because the application is lost. It returns once the process ignores the
// signal that CometBFT sends to itself.
func (g *guard) lose(err error) {
	made, first := g.begin(true)
	if !first {
		return
	}
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
	g.logger.Error("Ending, since the application is lost", "err", err, "exit_code", exitLost)
	// A node that is catching up panics where the application fails, and its exit code would be 2;
	// one that is not made yet has nothing to stop.
	if made == nil || made.ConsensusReactor().WaitSync() {
		g.exit(exitLost)
	}
	time.AfterFunc(stopLimit, func() { g.exit(exitLost) })
	go func() {
		defer g.exit(exitLost) // also where stopping panics
		if err := made.Stop(); err != nil {
			g.logger.Error("The node did not stop", "err", err)
		}
	}()
}
