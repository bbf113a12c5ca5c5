/**
 * What a trust file says of a Hyperledger Fabric channel (docs/spec/anchor-fabric.md). Mirrors
 * node/core/anchors/fabric_trust.py.
 */

import { toHex } from "../bytes.js";
import { InvalidInput } from "../errors.js";
import {
  countCharacters,
  exactMembers,
  hasMember,
  readEach,
  readHash,
  readInteger,
  readList,
  readMatch,
  readText,
} from "../fields.js";
import { readBase64 } from "./fabric_block.js";
import { MAX_CERTIFICATE_BYTES, decodeCertificate } from "./x509.js";

const CHANNEL = /^[a-z][a-z0-9.-]{0,248}$/;
const CHAINCODE = /^[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*$/;
const MSP_ID = /^[A-Za-z0-9_.-]{1,100}$/;
const YEAR = 365 * 86_400_000;
const MEMBERS = [
  "chaincode", "channel", "endorsements_needed", "endorsers", "genesis", "kind", "name", "operator",
];
const OPTIONS = ["blocks", "consenters", "orderers", "time_window_ms"];

/** Whether these are names that a trust file could have. */
export function mayBeNamed(channel, chaincode) {
  return CHANNEL.test(channel) && countCharacters(chaincode) <= 249 && CHAINCODE.test(chaincode);
}

/** How many of `count` orderers of SmartBFT sign a block: ⌈(n+f+1)/2⌉, f = ⌊(n-1)/3⌋. */
export function quorumOf(count) {
  return Math.floor((count + Math.floor((count - 1) / 3) + 2) / 2);
}

/**
 * Decode an item of a trust file's `anchors` of kind `fabric`: a channel.
 *
 * Blocks are signed by one of `orderers`, or by a quorum of `consenters`: one of the two is empty.
 * `needed` different organisations of `endorsers` must have endorsed. `window` is how far, in ms, a
 * proposal's time may be from the clock of a peer that endorses it; null where peers do not look at
 * it. `pinned` are hashes of block headers by number; block 0, which nobody signs, is there.
 *
 * @throws {InvalidInput}
 */
export function readFabricTrust(value, place) {
  const members = exactMembers(value, place, MEMBERS, OPTIONS);
  if (hasMember(members, "orderers") === hasMember(members, "consenters")) {
    throw new InvalidInput(
      place,
      "must have either orderers (Raft) or consenters (SmartBFT)",
      "须列出排序组织（Raft）或共识节点（SmartBFT）之一",
    );
  }
  const endorsers = readOrganisations(members.endorsers, `${place}.endorsers`);
  const byOrderers = hasMember(members, "orderers");
  const needed = { least: 1, most: endorsers.length };
  return {
    name: readText(members.name, `${place}.name`, { most: 40 }),
    operator: readText(members.operator, `${place}.operator`, { most: 200 }),
    channel: readMatch(
      members.channel, `${place}.channel`, CHANNEL, "must be a channel's name", "须为通道名称"),
    chaincode: readMatch(
      members.chaincode, `${place}.chaincode`, CHAINCODE, "must be a chaincode's name", "须为链码名称"),
    pinned: readPinned(members, place),
    orderers: byOrderers ? readOrganisations(members.orderers, `${place}.orderers`) : [],
    consenters: byOrderers ? [] : readConsenters(members.consenters, `${place}.consenters`),
    endorsers,
    needed: readInteger(members.endorsements_needed, `${place}.endorsements_needed`, needed),
    window: hasMember(members, "time_window_ms")
      ? readInteger(members.time_window_ms, `${place}.time_window_ms`, { most: YEAR })
      : null,
  };
}

function readPinned(members, place) {
  const pinned = new Map([[0, readHash(members.genesis, `${place}.genesis`)]]);
  const inner = `${place}.blocks`;
  readList(members.blocks ?? [], inner, { most: 1_000 }).forEach((item, position) => {
    const block = exactMembers(item, `${inner}[${position}]`, ["hash", "number"]);
    const number = readInteger(block.number, `${inner}[${position}].number`, { least: 1 });
    if (pinned.has(number)) {
      throw new InvalidInput(inner, `names block ${number} twice`, `区块 ${number} 出现两次`);
    }
    pinned.set(number, readHash(block.hash, `${inner}[${position}].hash`));
  });
  return pinned;
}

/** Organisations by their MSP ids, `{mspId, roots, intermediates, unit}`, each once. */
function readOrganisations(value, place) {
  const found = readEach(value, place, readOrganisation, { most: 100, least: 1 });
  checkDistinct(found.map((one) => one.mspId), place);
  return found;
}

function readOrganisation(value, place) {
  const members = exactMembers(value, place, ["msp_id", "roots"], ["intermediates", "unit"]);
  const at = `${place}.intermediates`;
  return {
    mspId: readMatch(members.msp_id, `${place}.msp_id`, MSP_ID, "must be an MSP id", "须为 MSP 标识"),
    roots: readEach(members.roots, `${place}.roots`, readCertificate, { most: 20, least: 1 }),
    intermediates: readEach(members.intermediates ?? [], at, readCertificate, { most: 20 }),
    unit: hasMember(members, "unit") ? readText(members.unit, `${place}.unit`, { most: 64 }) : "",
  };
}

/** Orderers of SmartBFT, `{identifier, certificate}`, by their number in the configuration. */
function readConsenters(value, place) {
  const found = readEach(value, place, readConsenter, { most: 1_000, least: 1 });
  checkDistinct(found.map((one) => one.identifier), place);
  checkDistinct(found.map((one) => toHex(one.certificate.encoded)), place);
  return found;
}

function readConsenter(value, place) {
  const members = exactMembers(value, place, ["certificate", "id"]);
  return {
    identifier: readInteger(members.id, `${place}.id`, { least: 1, most: 2 ** 32 - 1 }),
    certificate: readCertificate(members.certificate, `${place}.certificate`),
  };
}

function readCertificate(value, place) {
  return decodeCertificate(readBase64(value, place, { most: MAX_CERTIFICATE_BYTES }), place);
}

function checkDistinct(values, place) {
  if (new Set(values).size !== values.length) {
    throw new InvalidInput(place, "names one twice", "有一项出现两次");
  }
}
