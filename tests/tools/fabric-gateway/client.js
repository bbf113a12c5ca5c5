// Hyperledger's own gateway client, made to say what it did: one JSON object a line.
//
// Input (stdin): {endpoint, mspId, certificate, key, channel, chaincode, evaluate: [[name, arg…]…],
// proposals: [base64 of gateway.ProposedTransaction, …]}. Each proposal is signed, endorsed, submitted
// and waited for; nonce and time are those that it has.
'use strict';

const crypto = require('node:crypto');
const grpc = require('@grpc/grpc-js');
const { connect, signers } = require('@hyperledger/fabric-gateway');

const say = (value) => process.stdout.write(JSON.stringify(value) + '\n');

const failure = (error) => ({
    error: error.name,
    code: error.code === undefined ? null : grpc.status[error.code],
    message: error.message,
    details: (error.details || []).map(({ address, mspId, message }) => ({ address, mspId, message })),
});

async function submit(gateway, encoded) {
    const proposal = gateway.newProposal(Buffer.from(encoded, 'base64'));
    const transaction = await proposal.endorse();
    const commit = await transaction.submit();
    const status = await commit.getStatus();
    return {
        transaction: proposal.getTransactionId(),
        result: Buffer.from(transaction.getResult()).toString('utf8'),
        code: status.code,
        successful: status.successful,
        block: Number(status.blockNumber),
    };
}

async function main() {
    const chunks = [];
    for await (const chunk of process.stdin) {
        chunks.push(chunk);
    }
    const given = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    const client = new grpc.Client(given.endpoint, grpc.credentials.createInsecure());
    const gateway = connect({
        client,
        identity: { mspId: given.mspId, credentials: Buffer.from(given.certificate) },
        signer: signers.newPrivateKeySigner(crypto.createPrivateKey(given.key)),
    });
    try {
        const contract = gateway.getNetwork(given.channel).getContract(given.chaincode);
        for (const [name, ...parameters] of given.evaluate) {
            const answer = contract.evaluateTransaction(name, ...parameters);
            say(await answer.then((raw) => ({ answer: Buffer.from(raw).toString('utf8') }), failure));
        }
        for (const proposal of given.proposals) {
            say(await submit(gateway, proposal).catch(failure));
        }
    } finally {
        gateway.close();
        client.close();
    }
}

main();
