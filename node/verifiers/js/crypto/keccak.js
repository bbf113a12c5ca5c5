/**
 * Keccak-256 as Ethereum uses it: the permutation of FIPS 202 with the padding of before it. Lanes
 * of 64 bits stand as two words, the lower first. Mirrors node/core/anchors/keccak.py.
 */

const RATE = 136;

/** The constants of the 24 rounds (§3.2.5), [lower, upper], from the register that defines them. */
function roundConstants() {
  const constants = [];
  let register = 1;
  for (let round = 0; round < 24; round += 1) {
    const constant = [0, 0];
    for (let place = 0; place < 7; place += 1) {
      const bit = 2 ** place - 1;
      if (register & 1) {
        constant[bit >> 5] |= 1 << (bit & 31);
      }
      register = (register << 1) ^ (register & 0x80 ? 0x171 : 0);
    }
    constants.push(constant);
  }
  return constants;
}

/** Where each lane goes and by how far it turns, [from, to, bits]: ρ and π (§3.2.2, §3.2.3). */
function laneMoves() {
  const moves = [[0, 0, 0]];
  let [x, y] = [1, 0];
  for (let step = 0; step < 24; step += 1) {
    const [nextX, nextY] = [y, (2 * x + 3 * y) % 5];
    moves.push([x + 5 * y, nextX + 5 * nextY, (((step + 1) * (step + 2)) / 2) % 64]);
    [x, y] = [nextX, nextY];
  }
  return moves;
}

const ROUNDS = roundConstants();
const MOVES = laneMoves();

/** The lower and the upper word of a lane turned left. */
function turned(lower, upper, by) {
  const [low, high] = by < 32 ? [lower, upper] : [upper, lower];
  const bits = by & 31;
  if (bits === 0) {
    return [low, high];
  }
  return [(low << bits) | (high >>> (32 - bits)), (high << bits) | (low >>> (32 - bits))];
}

/** Step θ (§3.2.1). */
function theta(a) {
  const columns = new Int32Array(10);
  for (let at = 0; at < 50; at += 1) {
    columns[at % 10] ^= a[at];
  }
  for (let x = 0; x < 5; x += 1) {
    const right = 2 * ((x + 1) % 5);
    const left = 2 * ((x + 4) % 5);
    const [low, high] = turned(columns[right], columns[right + 1], 1);
    for (let row = 0; row < 50; row += 10) {
      a[row + 2 * x] ^= columns[left] ^ low;
      a[row + 2 * x + 1] ^= columns[left + 1] ^ high;
    }
  }
}

/** Keccak-f[1600] (§3.3); `a` has 25 lanes in 50 words and is changed. */
function permute(a) {
  const b = new Int32Array(50);
  for (const [low, high] of ROUNDS) {
    theta(a);
    for (const [from, to, by] of MOVES) {
      [b[2 * to], b[2 * to + 1]] = turned(a[2 * from], a[2 * from + 1], by);
    }
    for (let row = 0; row < 50; row += 10) {
      for (let at = 0; at < 10; at += 1) {
        a[row + at] = b[row + at] ^ (~b[row + ((at + 2) % 10)] & b[row + ((at + 4) % 10)]);
      }
    }
    a[0] ^= low;
    a[1] ^= high;
  }
}

/** The 32-byte Keccak-256 of `bytes`. */
export function keccak256(bytes) {
  const padded = new Uint8Array(bytes.length + RATE - (bytes.length % RATE));
  padded.set(bytes, 0);
  padded[bytes.length] = 0x01;
  padded[padded.length - 1] |= 0x80;
  const input = new DataView(padded.buffer);
  const lanes = new Int32Array(50);
  for (let start = 0; start < padded.length; start += RATE) {
    for (let word = 0; word < RATE / 4; word += 1) {
      lanes[word] ^= input.getInt32(start + 4 * word, true);
    }
    permute(lanes);
  }
  const hash = new Uint8Array(32);
  const output = new DataView(hash.buffer);
  for (let word = 0; word < 8; word += 1) {
    output.setInt32(4 * word, lanes[word], true);
  }
  return hash;
}
