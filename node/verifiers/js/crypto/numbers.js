/** Large integers: as bytes, and modulo a prime or an RSA modulus. Nothing in them is secret. */

/** The unsigned integer of these bytes, big-endian. */
export function bytesToNumber(bytes) {
  let digits = "0x0";
  for (const byte of bytes) {
    digits += byte.toString(16).padStart(2, "0");
  }
  return BigInt(digits);
}

/** The unsigned integer of these bytes, little-endian (RFC 8032 §5.1.2). */
export function littleEndianToNumber(bytes) {
  return bytesToNumber(Uint8Array.from(bytes).reverse());
}

/** A number from 0 on as `length` bytes, big-endian; it must fit. */
export function numberToBytes(number, length) {
  const digits = number.toString(16).padStart(2 * length, "0");
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 1) {
    bytes[index] = parseInt(digits.slice(2 * index, 2 * index + 2), 16);
  }
  return bytes;
}

/** How many bits a number from 0 on has; 0 has none. */
export function bitLength(number) {
  return number === 0n ? 0 : number.toString(2).length;
}

/** The remainder from 0 to modulus-1, of a negative number as well. */
export function remainder(number, modulus) {
  const rest = number % modulus;
  return rest < 0n ? rest + modulus : rest;
}

/** The quotient rounded down, of a negative number as well. */
export function floorDivided(number, by) {
  return (number - remainder(number, by)) / by;
}

/** base^exponent modulo modulus, for an exponent from 0 on. */
export function power(base, exponent, modulus) {
  let result = 1n;
  let square = remainder(base, modulus);
  for (const bit of exponent.toString(2).split("").reverse()) {
    if (bit === "1") {
      result = (result * square) % modulus;
    }
    square = (square * square) % modulus;
  }
  return result;
}

/** The inverse modulo a prime, by the extended algorithm of Euclid; of 0 it is 0. */
export function inverse(number, prime) {
  let [before, now] = [prime, remainder(number, prime)];
  let [beforeFactor, factor] = [0n, 1n];
  while (now > 1n) {
    const quotient = before / now;
    [before, now] = [now, before - quotient * now];
    [beforeFactor, factor] = [factor, beforeFactor - quotient * factor];
  }
  return now === 0n ? 0n : remainder(factor, prime);
}
