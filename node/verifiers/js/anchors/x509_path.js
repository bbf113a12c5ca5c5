/**
 * Paths from a certificate to roots that somebody trusts (RFC 5280 §6).
 *
 * Revocation is not checked: a verifier without a network cannot, and whoever reports a path has to
 * say so. Of names, the bytes are compared. Mirrors node/core/anchors/x509_path.py.
 */

import { equal } from "../bytes.js";
import { InvalidInput } from "../errors.js";

const LONGEST_PATH = 8;
const MOST_CHECKS = 16;
const ANY_PURPOSE = "2.5.29.37.0";

/**
 * The path from `leaf` over some of `others` to one of `roots` (RFC 5280 §6.1).
 *
 * Each certificate, the root too, must be valid at `at` (ms) and signed by the next, which must be
 * an authority for so many below it, and may serve `purpose` if it is limited to purposes.
 *
 * @returns `{certificates, root}`: from the one asked about up to the last below the root; `root`
 *   is null where no root is known that the last one leads to.
 * @throws {InvalidInput} a certificate on the only ways there are is not valid, or not what it must
 *   be.
 */
export async function findPath(leaf, others, roots, at, purpose = null) {
  const search = new Search(others, roots, at, purpose);
  leaf.checkTime(at);
  leaf.checkExtensions();
  const root = await search.climb([leaf]);
  if (root === null && search.errors.length > 0) {
    throw search.errors[0];
  }
  return { certificates: search.best, root };
}

/**
 * Goes up from a certificate, each of the others at most once; `best` is the way it found, or the
 * longest that ended nowhere, `errors` what closed the ways that it did not take.
 */
class Search {
  constructor(others, roots, at, purpose) {
    this.best = [];
    this.errors = [];
    this._others = [...others];
    this._roots = roots;
    this._at = at;
    this._purpose = purpose;
    this._checks = 0;
  }

  /** The root above the last of `way`, or null. */
  async climb(way) {
    const last = way[way.length - 1];
    if (way.length > this.best.length) {
      this.best = way;
    }
    for (const root of this._roots) {
      const isLast = equal(root.encoded, last.encoded);
      if (isLast || (equal(root.subject, last.issuer) && await this._mayIssue(root, way))) {
        this.best = way;
        return root;
      }
    }
    for (const other of this._others.filter((one) => equal(one.subject, last.issuer))) {
      const isOpen = this._others.includes(other) && !equal(other.encoded, last.encoded);
      if (isOpen && way.length < LONGEST_PATH && await this._mayIssue(other, way)) {
        this._others.splice(this._others.indexOf(other), 1);
        const rootAbove = await this.climb([...way, other]);
        if (rootAbove !== null) {
          return rootAbove;
        }
      }
    }
    return null;
  }

  async _mayIssue(issuer, way) {
    try {
      this._checks += 1;
      if (this._checks > MOST_CHECKS) {
        throw new InvalidInput(
          issuer.place, "is one of too many of its name", "同名证书过多，不再逐一核验");
      }
      await this._checkIssuer(issuer, way);
    } catch (error) {
      if (!(error instanceof InvalidInput)) {
        throw error;
      }
      this.errors.push(error);
      return false;
    }
    return true;
  }

  async _checkIssuer(issuer, way) {
    issuer.checkTime(this._at);
    issuer.checkExtensions();
    const { isAuthority, keyUsage, pathLength, purposes } = issuer.extensions;
    if (!isAuthority || (keyUsage !== null && !keyUsage.has("keyCertSign"))) {
      throw new InvalidInput(
        issuer.place, "is not that of a certificate authority", "不是证书颁发机构的证书");
    }
    if (pathLength !== null && pathLength < BigInt(way.length - 1)) {
      throw new InvalidInput(
        issuer.place, "allows fewer authorities below it (§4.2.1.9)", "证书路径超过其允许的长度");
    }
    const served = purposes ?? [];
    if (this._purpose !== null && served.length > 0
        && !served.includes(this._purpose) && !served.includes(ANY_PURPOSE)) {
      throw new InvalidInput(
        issuer.place, "does not serve this purpose (§4.2.1.12)", "证书用途不符");
    }
    await way[way.length - 1].verifyIssuedBy(issuer);
  }
}
