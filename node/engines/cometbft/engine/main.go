// Command evidence-engine is the consensus engine of an evidence ledger node: CometBFT as it is, with
// its commands, but for two things. It talks to the application through internal/abciclient, and
// `start` ends with exit code 70 where the application is lost (see guard.go).
package main

import (
	"fmt"
	"os"
	"path/filepath"

	cmd "github.com/cometbft/cometbft/cmd/cometbft/commands"
	"github.com/cometbft/cometbft/cmd/cometbft/commands/debug"
	cfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/cli"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"

	"evidence-ledger-node/engine/internal/abciclient"
)

func main() {
	guard := newGuard()
	defer guard.cover()
	root := cmd.RootCmd
	root.Use = "evidence-engine"
	root.Short = "The consensus engine of an evidence ledger node (CometBFT)"
	root.AddCommand(
		cmd.GenNodeKeyCmd,
		cmd.GenValidatorCmd,
		cmd.InitFilesCmd,
		cmd.InspectCmd,
		cmd.LightCmd,
		cmd.ReplayCmd,
		cmd.ReplayConsoleCmd,
		cmd.ResetAllCmd,
		cmd.ResetPrivValidatorCmd,
		cmd.ResetStateCmd,
		cmd.RollbackStateCmd,
		cmd.ShowNodeIDCmd,
		cmd.ShowValidatorCmd,
		cmd.TestnetFilesCmd,
		cmd.VersionCmd,
		cmd.CompactGoLevelDBCmd,
		debug.DebugCmd,
		cli.NewCompletionCmd(root, true),
		cmd.NewRunNodeCmd(newNode(guard)),
		versionCommand(),
	)
	home := os.ExpandEnv(filepath.Join("$HOME", cfg.DefaultTendermintDir))
	command := cli.PrepareBaseCmd(root, "CMT", home)
	command.Exit = guard.leave
	_ = command.Execute() // says what is wrong, and has left where anything was
}

// newNode gives what makes the node that `start` starts: as node.DefaultNewNode does, but for its ABCI
// clients.
func newNode(guard *guard) node.Provider {
	return func(config *cfg.Config, logger log.Logger) (*node.Node, error) {
		if config.ABCI != "socket" {
			return nil, fmt.Errorf("abci: %q must be \"socket\"", config.ABCI)
		}
		creator, err := abciclient.NewCreator(config.ProxyApp, guard.lose)
		if err != nil {
			return nil, err
		}
		nodeKey, err := p2p.LoadOrGenNodeKey(config.NodeKeyFile())
		if err != nil {
			return nil, fmt.Errorf("the node key %s: %w", config.NodeKeyFile(), err)
		}
		guard.obey(logger.With("module", "guard"))
		made, err := node.NewNode(
			config,
			privval.LoadOrGenFilePV(config.PrivValidatorKeyFile(), config.PrivValidatorStateFile()),
			nodeKey,
			creator,
			node.DefaultGenesisDocProviderFunc(config),
			cfg.DefaultDBProvider,
			node.DefaultMetricsProvider(config.Instrumentation),
			logger,
		)
		if err != nil {
			return nil, err
		}
		guard.watch(made)
		return made, nil
	}
}
