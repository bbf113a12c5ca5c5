/** How SHA-1, SHA-2 and SM3 fill a message up to whole blocks (FIPS 180-4 §5.1). */

/**
 * What stands behind the last bytes of a message: a bit, zeros, and its length in bits.
 *
 * @param {number} length the message's length in bytes.
 * @param {number} blockBytes 64, or 128 for SHA-384 and SHA-512.
 * @param {number} lengthBytes 8, or 16 for SHA-384 and SHA-512.
 * @returns {Uint8Array} the bytes that make the message whole blocks long.
 */
export function paddingOf(length, blockBytes, lengthBytes) {
  const zeros = (2 * blockBytes - ((length + 1 + lengthBytes) % blockBytes)) % blockBytes;
  const padding = new Uint8Array(1 + zeros + lengthBytes);
  const view = new DataView(padding.buffer);
  padding[0] = 0x80;
  view.setUint32(padding.length - 8, Math.floor(length / 2 ** 29));
  view.setUint32(padding.length - 4, (length * 8) % 2 ** 32);
  return padding;
}

/** The message with its padding, as one array of whole blocks. */
export function padMessage(bytes, blockBytes, lengthBytes) {
  const padding = paddingOf(bytes.length, blockBytes, lengthBytes);
  const padded = new Uint8Array(bytes.length + padding.length);
  padded.set(bytes, 0);
  padded.set(padding, bytes.length);
  return padded;
}

/** Words of 32 bits as bytes, big-endian. */
export function wordsToBytes(words) {
  const bytes = new Uint8Array(4 * words.length);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < words.length; index += 1) {
    view.setUint32(4 * index, words[index]);
  }
  return bytes;
}
