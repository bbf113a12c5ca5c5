package abciclient

import (
	"context"

	"github.com/cometbft/cometbft/abci/types"
)

// The calls of ABCI 2.0. Each waits for its answer and returns an error where the application is
// lost, the client is stopped, or the context ends.

// answer asks and takes out of the response what belongs to the request.
func answer[A any](
	ctx context.Context, c *Client, request *types.Request, part func(*types.Response) *A,
) (*A, error) {
	response, err := c.ask(ctx, request)
	if err != nil {
		return nil, err
	}
	return part(response), nil
}

// Flush waits until everything that was asked before is answered and its callbacks have run.
func (c *Client) Flush(ctx context.Context) error {
	_, err := c.ask(ctx, types.ToRequestFlush())
	return err
}

// Echo asks for the same text.
func (c *Client) Echo(ctx context.Context, text string) (*types.ResponseEcho, error) {
	return answer(ctx, c, types.ToRequestEcho(text), (*types.Response).GetEcho)
}

// Info asks where the application stands.
func (c *Client) Info(
	ctx context.Context, r *types.RequestInfo,
) (*types.ResponseInfo, error) {
	return answer(ctx, c, types.ToRequestInfo(r), (*types.Response).GetInfo)
}

// InitChain starts a chain.
func (c *Client) InitChain(
	ctx context.Context, r *types.RequestInitChain,
) (*types.ResponseInitChain, error) {
	return answer(ctx, c, types.ToRequestInitChain(r), (*types.Response).GetInitChain)
}

// Query asks for a value.
func (c *Client) Query(
	ctx context.Context, r *types.RequestQuery,
) (*types.ResponseQuery, error) {
	return answer(ctx, c, types.ToRequestQuery(r), (*types.Response).GetQuery)
}

// CheckTx checks a transaction and waits.
func (c *Client) CheckTx(
	ctx context.Context, r *types.RequestCheckTx,
) (*types.ResponseCheckTx, error) {
	return answer(ctx, c, types.ToRequestCheckTx(r), (*types.Response).GetCheckTx)
}

// Commit makes what was finalized durable.
func (c *Client) Commit(
	ctx context.Context, _ *types.RequestCommit,
) (*types.ResponseCommit, error) {
	return answer(ctx, c, types.ToRequestCommit(), (*types.Response).GetCommit)
}

// ListSnapshots asks for the snapshots that there are.
func (c *Client) ListSnapshots(
	ctx context.Context, r *types.RequestListSnapshots,
) (*types.ResponseListSnapshots, error) {
	return answer(ctx, c, types.ToRequestListSnapshots(r), (*types.Response).GetListSnapshots)
}

// OfferSnapshot offers a snapshot to restore.
func (c *Client) OfferSnapshot(
	ctx context.Context, r *types.RequestOfferSnapshot,
) (*types.ResponseOfferSnapshot, error) {
	return answer(ctx, c, types.ToRequestOfferSnapshot(r), (*types.Response).GetOfferSnapshot)
}

// LoadSnapshotChunk asks for a piece of a snapshot.
func (c *Client) LoadSnapshotChunk(
	ctx context.Context, r *types.RequestLoadSnapshotChunk,
) (*types.ResponseLoadSnapshotChunk, error) {
	return answer(ctx, c, types.ToRequestLoadSnapshotChunk(r), (*types.Response).GetLoadSnapshotChunk)
}

// ApplySnapshotChunk hands over a piece of a snapshot.
func (c *Client) ApplySnapshotChunk(
	ctx context.Context, r *types.RequestApplySnapshotChunk,
) (*types.ResponseApplySnapshotChunk, error) {
	return answer(ctx, c, types.ToRequestApplySnapshotChunk(r), (*types.Response).GetApplySnapshotChunk)
}

// PrepareProposal asks for the transactions of a block.
func (c *Client) PrepareProposal(
	ctx context.Context, r *types.RequestPrepareProposal,
) (*types.ResponsePrepareProposal, error) {
	return answer(ctx, c, types.ToRequestPrepareProposal(r), (*types.Response).GetPrepareProposal)
}

// ProcessProposal asks whether a proposed block is good.
func (c *Client) ProcessProposal(
	ctx context.Context, r *types.RequestProcessProposal,
) (*types.ResponseProcessProposal, error) {
	return answer(ctx, c, types.ToRequestProcessProposal(r), (*types.Response).GetProcessProposal)
}

// ExtendVote asks for what is added to a vote.
func (c *Client) ExtendVote(
	ctx context.Context, r *types.RequestExtendVote,
) (*types.ResponseExtendVote, error) {
	return answer(ctx, c, types.ToRequestExtendVote(r), (*types.Response).GetExtendVote)
}

// VerifyVoteExtension asks whether what was added to a vote is good.
func (c *Client) VerifyVoteExtension(
	ctx context.Context, r *types.RequestVerifyVoteExtension,
) (*types.ResponseVerifyVoteExtension, error) {
	return answer(ctx, c, types.ToRequestVerifyVoteExtension(r), (*types.Response).GetVerifyVoteExtension)
}

// FinalizeBlock executes a block.
func (c *Client) FinalizeBlock(
	ctx context.Context, r *types.RequestFinalizeBlock,
) (*types.ResponseFinalizeBlock, error) {
	return answer(ctx, c, types.ToRequestFinalizeBlock(r), (*types.Response).GetFinalizeBlock)
}
