package abciclient

import (
	"bufio"
	"fmt"
	"reflect"
	"strings"

	abcicli "github.com/cometbft/cometbft/abci/client"
	"github.com/cometbft/cometbft/abci/types"
)

// batchSize bounds how many requests go out before a Flush, which some applications wait for.
const batchSize = queueSize

// write sends what is in the queue until the client stops. It is the only one that writes.
func (c *Client) write() {
	defer c.routines.Done()
	buffer := bufio.NewWriterSize(c.conn, bufferSize)
	for {
		select {
		case first := <-c.queue:
			if err := c.writeBatch(buffer, first); err != nil {
				c.fail(fmt.Errorf("a request cannot be written: %w", err))
				return
			}
		case <-c.Quit():
			return
		}
	}
}

// writeBatch sends first and what has come in since, and ends it with a Flush.
func (c *Client) writeBatch(buffer *bufio.Writer, first *call) error {
	last := first
	if err := c.send(buffer, first); err != nil {
		return err
	}
	for sent := 1; sent < batchSize; sent++ {
		select {
		case last = <-c.queue:
			if err := c.send(buffer, last); err != nil {
				return err
			}
			continue
		default:
		}
		break
	}
	if last.Request.GetFlush() == nil {
		flush := &call{ReqRes: abcicli.NewReqRes(types.ToRequestFlush())}
		if err := c.send(buffer, flush); err != nil {
			return err
		}
	}
	return buffer.Flush()
}

// send writes a request. It is pending before its first byte is written: the answer may come before
// the writing returns.
func (c *Client) send(buffer *bufio.Writer, asked *call) error {
	if !c.take(asked) {
		asked.Done()
		return ErrStopped
	}
	return types.WriteMessage(asked.Request, buffer)
}

// read takes answers until the connection ends.
func (c *Client) read() {
	defer c.routines.Done()
	buffer := bufio.NewReaderSize(c.conn, bufferSize)
	for {
		response := &types.Response{}
		if err := types.ReadMessage(buffer, response); err != nil {
			c.fail(fmt.Errorf("an answer cannot be read: %w", err))
			return
		}
		asked, callback, err := c.match(response)
		if err != nil {
			c.fail(err)
			return
		}
		asked.finish(response, callback)
	}
}

// kind is the name of a request's or a response's kind.
func kind(value any) string {
	if value == nil {
		return "a message without content"
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", value), "*types.")
}

// answers tells which response belongs to a request.
var answers = map[reflect.Type]reflect.Type{
	reflect.TypeFor[*types.Request_Echo]():                reflect.TypeFor[*types.Response_Echo](),
	reflect.TypeFor[*types.Request_Flush]():               reflect.TypeFor[*types.Response_Flush](),
	reflect.TypeFor[*types.Request_Info]():                reflect.TypeFor[*types.Response_Info](),
	reflect.TypeFor[*types.Request_InitChain]():           reflect.TypeFor[*types.Response_InitChain](),
	reflect.TypeFor[*types.Request_Query]():               reflect.TypeFor[*types.Response_Query](),
	reflect.TypeFor[*types.Request_CheckTx]():             reflect.TypeFor[*types.Response_CheckTx](),
	reflect.TypeFor[*types.Request_Commit]():              reflect.TypeFor[*types.Response_Commit](),
	reflect.TypeFor[*types.Request_ListSnapshots]():       reflect.TypeFor[*types.Response_ListSnapshots](),
	reflect.TypeFor[*types.Request_OfferSnapshot]():       reflect.TypeFor[*types.Response_OfferSnapshot](),
	reflect.TypeFor[*types.Request_LoadSnapshotChunk]():   reflect.TypeFor[*types.Response_LoadSnapshotChunk](),
	reflect.TypeFor[*types.Request_ApplySnapshotChunk]():  reflect.TypeFor[*types.Response_ApplySnapshotChunk](),
	reflect.TypeFor[*types.Request_PrepareProposal]():     reflect.TypeFor[*types.Response_PrepareProposal](),
	reflect.TypeFor[*types.Request_ProcessProposal]():     reflect.TypeFor[*types.Response_ProcessProposal](),
	reflect.TypeFor[*types.Request_ExtendVote]():          reflect.TypeFor[*types.Response_ExtendVote](),
	reflect.TypeFor[*types.Request_VerifyVoteExtension](): reflect.TypeFor[*types.Response_VerifyVoteExtension](),
	reflect.TypeFor[*types.Request_FinalizeBlock]():       reflect.TypeFor[*types.Response_FinalizeBlock](),
}
