/** The parameters of a genesis: exactly these, each of its form (docs/spec/genesis.md). */

import { InvalidInput } from "./errors.js";
import { exactMembers, readEach, readInteger, readList, readText } from "./fields.js";

const MAX_ANCHOR_EVERY = 1_000_000_000;
const MAX_TOLERANCE = 3_600_000;
const LEAST_BLOCK = 1 << 20;
const MOST_BLOCK = 100 << 20;
const MAX_PATTERNS = 50;
const MAX_PATTERN = 100;
const MAX_CUSTODIANS = 50;
// With so many quantifiers that match more or less than once there are at most of the order of n
// cubed ways to match n characters, however the pattern is written.
const MAX_VARIABLE = 3;
const ATOM = /[A-Za-z0-9_-]|\\d|\[A-Z0-9\]|\[A-Za-z0-9\]/y;
const QUANTIFIER = /\+|\{([0-9]{1,2})(?:,([0-9]{1,2}))?\}/y;

const READERS = {
  anchor_every_ms: atLeastOne(MAX_ANCHOR_EVERY),
  anchor_every_records: atLeastOne(MAX_ANCHOR_EVERY),
  clock_tolerance_ms: (value, place) => readInteger(value, place, { most: MAX_TOLERANCE }),
  custodians: readCustodians,
  late_after_ms: atLeastOne(Number.MAX_SAFE_INTEGER),
  max_block_bytes: (value, place) => (
    readInteger(value, place, { least: LEAST_BLOCK, most: MOST_BLOCK })
  ),
  sign_no_patterns: (value, place) => readEach(value, place, readPattern, { most: MAX_PATTERNS }),
};

function atLeastOne(most) {
  return (value, place) => readInteger(value, place, { least: 1, most });
}

function readCustodians(value, place, memberIds) {
  readList(value, place, { most: MAX_CUSTODIANS }).forEach((member, position) => {
    if (!memberIds.includes(member)) {
      throw new InvalidInput(`${place}[${position}]`, "is no member", "不是成员");
    }
  });
}

/**
 * Check the parameters of a genesis whose members have these ids.
 * @throws {InvalidInput} names the place and the rule.
 */
export function checkParameters(value, place, memberIds) {
  const names = Object.keys(READERS);
  const parameters = exactMembers(value, place, names);
  for (const name of names) {
    READERS[name](parameters[name], `${place}.${name}`, memberIds);
  }
}

/** A pattern: atoms, each with at most one quantifier behind it. */
function readPattern(value, place) {
  const pattern = readText(value, place, { most: MAX_PATTERN });
  let at = 0;
  let variable = 0;
  while (at < pattern.length) {
    at = behind(ATOM, pattern, at, place);
    QUANTIFIER.lastIndex = at;
    const found = QUANTIFIER.exec(pattern);
    if (found !== null) {
      at = QUANTIFIER.lastIndex;
      variable += varies(found, place) ? 1 : 0;
    }
  }
  if (variable > MAX_VARIABLE) {
    throw new InvalidInput(
      place, `may have at most ${MAX_VARIABLE} quantifiers + and {m,n} with m below n`,
      "可变量词过多");
  }
}

function behind(token, pattern, at, place) {
  token.lastIndex = at;
  if (token.exec(pattern) === null) {
    throw new InvalidInput(
      place, "may use letters, digits, _ - \\d [A-Z0-9] [A-Za-z0-9] {m,n} +", "编号格式不符合规范");
  }
  return token.lastIndex;
}

function varies([text, least, most], place) {
  if (text === "+") {
    return true;
  }
  if (most !== undefined && Number(least) > Number(most)) {
    throw new InvalidInput(place, "is no pattern: m is above n", "编号格式不符合规范");
  }
  return most !== undefined && Number(least) !== Number(most);
}
