package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cometbft/cometbft/abci/types"
)

const someBlocks = "committed state"

func TestVersion(t *testing.T) {
	said, err := exec.Command(binary, "evidence-version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(said), "\n") != 1 {
		t.Errorf("not one line: %q", said)
	}
	var told build
	if err := json.Unmarshal(said, &told); err != nil {
		t.Fatal(err)
	}
	if told.Engine != "0.38.25" || told.ABCI != "2.0.0" || told.BlockProtocol != 11 {
		t.Errorf("it is %+v", told)
	}
	if told.Module != "v"+told.Engine {
		t.Errorf("%s calls itself %s", told.Module, told.Engine)
	}
}

func TestItsCommands(t *testing.T) {
	said, err := exec.Command(binary, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"start", "init", "rollback", "light", "inspect", "version", "evidence-version", "show-node-id",
		"show-validator", "gen-node-key", "gen-validator", "unsafe-reset-all", "testnet",
	} {
		if !strings.Contains(string(said), "\n  "+name+" ") {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestTheApplicationIsKilled(t *testing.T) {
	home := newHome(t)
	application := startApplication(t, home)
	running := startEngine(t, home)
	running.until(t, someBlocks)
	if err := application.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	running.ends(t, exitLost)
}

func TestTheApplicationIsKilledWhileTheNodeCatchesUp(t *testing.T) {
	home := newHome(t)
	addAValidator(t, home) // one that is not there: this node looks for blocks for ever
	application := startApplication(t, home)
	running := startEngine(t, home)
	running.until(t, "Started node")
	if err := application.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	running.ends(t, exitLost)
}

// addAValidator has the genesis name a second validator of the same power.
func addAValidator(t *testing.T, home string) {
	t.Helper()
	path, other := filepath.Join(home, "config", "genesis.json"), newHome(t)
	var genesis, more map[string]any
	for from, into := range map[string]*map[string]any{
		path: &genesis, filepath.Join(other, "config", "genesis.json"): &more,
	} {
		raw, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, into); err != nil {
			t.Fatal(err)
		}
	}
	genesis["validators"] = append(genesis["validators"].([]any), more["validators"].([]any)...)
	raw, err := json.Marshal(genesis)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTheApplicationAnswersNonsense(t *testing.T) {
	for name, answer := range map[string]*types.Response{
		"another kind": types.ToResponseEcho("?"),
		"an exception": types.ToResponseException("no such luck"),
	} {
		t.Run(name, func(t *testing.T) {
			home := newHome(t)
			answerWith(t, home, answer)
			startEngine(t, home).ends(t, exitLost)
		})
	}
}

func TestASignalEndsIt(t *testing.T) {
	for _, sent := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sent.String(), func(t *testing.T) {
			home := newHome(t)
			startApplication(t, home)
			running := startEngine(t, home)
			running.until(t, someBlocks)
			if err := running.Process.Signal(sent); err != nil {
				t.Fatal(err)
			}
			running.ends(t, 0)
		})
	}
}

func TestASignalWhileItWaitsForTheApplication(t *testing.T) {
	running := startEngine(t, newHome(t))
	running.until(t, "Waiting for the application")
	if err := running.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	running.ends(t, 0)
}

// Such an application neither answers nor dies: the engine has to give it up to end.
func TestASignalWhileTheApplicationHangs(t *testing.T) {
	home := newHome(t)
	application := startApplication(t, home, applicationHangs+"=yes")
	running := startEngine(t, home)
	application.mustSay(t, "hanging")
	if err := running.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	running.ends(t, exitLost)
}

func TestBadSettings(t *testing.T) {
	home := newHome(t)
	for says, arguments := range map[string][]string{
		`proxy_app: "kvstore" must be unix://PATH`: {"--proxy_app", "kvstore"},
		`abci: "grpc" must be "socket"`:            {"--abci", "grpc"},
	} {
		running := startEngine(t, home, arguments...)
		running.ends(t, 1)
		if !strings.Contains(running.output.String(), says) {
			t.Errorf("%s does not say %s", running.output.String(), says)
		}
	}
}
