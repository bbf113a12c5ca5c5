/**
 * The constants of the SHA-2 family, made as FIPS 180-4 §4.2 and §5.3 say: the first 64 bits of the
 * fractions of square and cube roots of the first primes. Nobody has to compare tables.
 */

/** The first `count` primes. */
function firstPrimes(count) {
  const primes = [];
  for (let candidate = 2; primes.length < count; candidate += 1) {
    if (primes.every((prime) => candidate % prime !== 0)) {
      primes.push(candidate);
    }
  }
  return primes;
}

/** The largest integer whose `degree`-th power is at most `value`. */
function integerRoot(value, degree) {
  let low = 0n;
  let high = 1n << BigInt(Math.ceil(value.toString(2).length / Number(degree)));
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** degree <= value) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

/**
 * First 64 bits of the fractions of roots of the first primes.
 *
 * @param {bigint} degree 2n for square roots, 3n for cube roots.
 * @param {number} count how many primes.
 * @returns {bigint[]} numbers below 2^64.
 */
export function rootFractions(degree, count) {
  return firstPrimes(count).map((prime) => {
    const shifted = BigInt(prime) << (64n * degree);
    return BigInt.asUintN(64, integerRoot(shifted, degree));
  });
}

/** The upper 32 bits of each of these numbers of 64 bits, as words. */
export function upperWords(numbers) {
  return Uint32Array.from(numbers, (number) => Number(number >> 32n));
}

/** The lower 32 bits of each of these numbers of 64 bits, as words. */
export function lowerWords(numbers) {
  return Uint32Array.from(numbers, (number) => Number(number & 0xffffffffn));
}
