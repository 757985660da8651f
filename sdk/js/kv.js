// The key-value store. A project needs `import kv;` in vireo/wit/project.wit, and the grant `kv`.
import * as contract from "vireo:flow/kv@0.1.0";
import { fromUtf8, toBytes } from "./bytes.js";
import { attempt } from "./vireo.js";

/** A key-value store that outlives calls. Needs the grant `kv`. */
export const kv = {
  /** @param {string} key @returns {Uint8Array | undefined} */
  get: (key) => attempt(() => contract.get(key)) ?? undefined,
  /** As text. @param {string} key @returns {string | undefined} */
  getText(key) {
    const value = kv.get(key);
    return value === undefined ? undefined : fromUtf8(value);
  },
  /** @param {string} key @param {string | Uint8Array} value */
  set: (key, value) => attempt(() => contract.set(key, toBytes(value))),
  /** @param {string} key */
  delete: (key) => attempt(() => contract.delete(key)),
  /** Adds to a counter; returns its new value, exact to 2^53. @param {string} key @param {number} by @returns {number} */
  increment: (key, by) => attempt(() => contract.increment(key, by)),
  /**
   * Writes `value` (undefined: deletes) only if it is still `expected` (undefined: absent).
   * @param {string} key
   * @param {string | Uint8Array | undefined} expected
   * @param {string | Uint8Array | undefined} value
   * @returns {boolean} was it?
   */
  compareAndSwap(key, expected, value) {
    const optional = (data) => (data === undefined ? undefined : toBytes(data));
    return attempt(() => contract.compareAndSwap(key, optional(expected), optional(value)));
  },
  /** Keys that start with `prefix`, at most `limit`. @param {string} prefix @param {number} limit @returns {string[]} */
  keys: (prefix, limit) => attempt(() => contract.listKeys(prefix, limit)),
};
