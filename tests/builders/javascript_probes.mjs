// What methods of the JavaScript verifier's classes give, for tests that call functions only.

import { readCommit, readHeader, readValidator } from "../../node/verifiers/js/bundle_blocks.js";
import { Timestamp, ValidatorSet, verifyCommit } from "../../node/verifiers/js/block.js";
import { readStateProof, verifyStateProof } from "../../node/verifiers/js/statemap.js";

export function headerHash(header) {
  return readHeader(header, "header").hash();
}

export function signBytes(commit, chainId, seconds, nanos) {
  return readCommit(commit, "commit").signBytes(chainId, new Timestamp(seconds, nanos));
}

function setOf(validators) {
  return validators.map((item) => readValidator(item, "validator"));
}

export function setHash(validators) {
  return ValidatorSet.of(setOf(validators)).hash();
}

export function isInOrder(validators) {
  return new ValidatorSet(setOf(validators)).isInOrder;
}

export async function checkCommit(header, commit, validators) {
  await verifyCommit(
    readHeader(header, "header"), readCommit(commit, "commit"), new ValidatorSet(setOf(validators)));
}

export function checkState(proof, root) {
  verifyStateProof(readStateProof(proof, "proof"), root);
}
