package main

import (
	"encoding/json"
	"runtime"
	"runtime/debug"

	"github.com/cometbft/cometbft/version"
	"github.com/spf13/cobra"
)

const engineModule = "github.com/cometbft/cometbft"

// A build is what `evidence-version` prints, as one line of JSON.
type build struct {
	ABCI          string `json:"abci"`           // such as 2.0.0
	BlockProtocol uint64 `json:"block_protocol"` // 11
	Engine        string `json:"engine"`         // what CometBFT says of itself, such as 0.38.25
	Go            string `json:"go"`             // the compiler, such as go1.26.8
	Module        string `json:"module"`         // what was linked, such as v0.38.25
	P2PProtocol   uint64 `json:"p2p_protocol"`   // 8
}

func thisBuild() build {
	return build{
		ABCI:          version.ABCIVersion,
		BlockProtocol: version.BlockProtocol,
		Engine:        version.TMCoreSemVer,
		Go:            runtime.Version(),
		Module:        linkedModule(),
		P2PProtocol:   version.P2PProtocol,
	}
}

// linkedModule is the version of CometBFT's module in this binary. Another one in its place shows.
func linkedModule() string {
	info, found := debug.ReadBuildInfo()
	if !found {
		return "unknown"
	}
	for _, dependency := range info.Deps {
		if dependency.Path == engineModule {
			if dependency.Replace != nil {
				return "replaced by " + dependency.Replace.Path + " " + dependency.Replace.Version
			}
			return dependency.Version
		}
	}
	return "unknown"
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "evidence-version",
		Short: "Print the versions of engine, ABCI and protocols as one line of JSON",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return json.NewEncoder(command.OutOrStdout()).Encode(thisBuild())
		},
	}
}
