package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cometbft/cometbft/abci/example/kvstore"
	"github.com/cometbft/cometbft/abci/server"
	"github.com/cometbft/cometbft/abci/types"
)

// applicationSocket makes this test's binary the application: a key-value store at that socket, one
// that never answers the first FinalizeBlock if applicationHangs is set, too.
const (
	applicationSocket = "ENGINE_TEST_APPLICATION_SOCKET"
	applicationHangs  = "ENGINE_TEST_APPLICATION_HANGS"
)

// binary is the engine, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	if path := os.Getenv(applicationSocket); path != "" {
		beApplication(path)
		return
	}
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	folder, err := os.MkdirTemp("", "engine")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	binary = filepath.Join(folder, "evidence-engine")
	building := exec.Command("go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w", "-o", binary, ".")
	building.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := building.CombinedOutput(); err != nil {
		panic(string(said))
	}
	return m.Run()
}

// beApplication serves until its standard input ends, so that it never outlives the tests.
func beApplication(path string) {
	var application types.Application = kvstore.NewInMemoryApplication()
	if os.Getenv(applicationHangs) != "" {
		application = hanging{application}
	}
	serving := server.NewSocketServer("unix://"+path, application)
	if err := serving.Start(); err != nil {
		panic(err)
	}
	_, _ = os.Stdout.WriteString("serving\n")
	_, _ = bufio.NewReader(os.Stdin).ReadString(0)
}

type hanging struct{ types.Application }

func (hanging) FinalizeBlock(
	context.Context, *types.RequestFinalizeBlock,
) (*types.ResponseFinalizeBlock, error) {
	_, _ = os.Stdout.WriteString("hanging\n")
	select {}
}

// newHome makes the engine's directory, with the keys and the genesis of a chain of one validator.
func newHome(t *testing.T) string {
	t.Helper()
	home, err := os.MkdirTemp("", "chain") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	if said, err := exec.Command(binary, "init", "--home", home).CombinedOutput(); err != nil {
		t.Fatalf("init: %v: %s", err, said)
	}
	return home
}

// An application is one that runs.
type application struct {
	*exec.Cmd
	out *bufio.Reader
}

// startApplication runs the key-value store in a process of its own, and returns when it serves.
func startApplication(t *testing.T, home string, environment ...string) *application {
	t.Helper()
	running := &application{Cmd: exec.Command(os.Args[0])}
	running.Env = append(os.Environ(), applicationSocket+"="+filepath.Join(home, "abci.sock"))
	running.Env = append(running.Env, environment...)
	out, err := running.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := running.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	running.out = bufio.NewReader(out)
	start(t, running.Cmd)
	running.mustSay(t, "serving")
	return running
}

func (a *application) mustSay(t *testing.T, text string) {
	t.Helper()
	if line, err := a.out.ReadString('\n'); err != nil || line != text+"\n" {
		t.Fatalf("the application said %q, not %s: %v", line, text, err)
	}
}

func start(t *testing.T, command *exec.Cmd) {
	t.Helper()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
}

// An engine is one that runs. What it says is kept, and lines can be waited for.
type engine struct {
	*exec.Cmd
	lines  *bufio.Scanner
	output bytes.Buffer
}

// startEngine starts the binary as the node does: in its home, sockets named relative to it.
func startEngine(t *testing.T, home string, more ...string) *engine {
	t.Helper()
	arguments := append([]string{
		"start", "--home", ".", "--proxy_app", "unix://abci.sock", "--rpc.laddr", "unix://rpc.sock",
		"--p2p.laddr", "tcp://127.0.0.1:0", "--rpc.pprof_laddr", "", "--log_level", "info",
	}, more...)
	running := &engine{Cmd: exec.Command(binary, arguments...)}
	running.Dir = home
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	running.Stdout, running.Stderr = in, in
	start(t, running.Cmd)
	_ = in.Close()
	t.Cleanup(func() { _ = out.Close() })
	running.lines = bufio.NewScanner(out)
	running.lines.Buffer(nil, 1<<20)
	return running
}

// until reads what the engine says until a line holds text.
func (e *engine) until(t *testing.T, text string) {
	t.Helper()
	for e.lines.Scan() {
		e.output.WriteString(e.lines.Text() + "\n")
		if strings.Contains(e.lines.Text(), text) {
			return
		}
	}
	t.Fatalf("the engine ended before it said %q:\n%s", text, e.output.String())
}

// ends waits for the end and checks the exit code.
func (e *engine) ends(t *testing.T, code int) {
	t.Helper()
	for e.lines.Scan() {
		e.output.WriteString(e.lines.Text() + "\n")
	}
	var failed *exec.ExitError
	if err := e.Wait(); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if got := e.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, not %d:\n%s", got, code, e.output.String())
	}
}

// answerWith serves every connection at the home's socket with the same answers to Info and Flush.
func answerWith(t *testing.T, home string, info *types.Response) {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(home, "abci.sock"))
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Add(1)
	go func() {
		defer serving.Done()
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Add(1)
			go func() {
				defer serving.Done()
				defer conn.Close()
				in := bufio.NewReader(conn)
				for request := (&types.Request{}); types.ReadMessage(in, request) == nil; {
					answer := types.ToResponseFlush()
					if request.GetInfo() != nil {
						answer = info
					}
					_ = types.WriteMessage(answer, conn)
				}
			}()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
}
