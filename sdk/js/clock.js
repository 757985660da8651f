// Time and random numbers. A project needs `import clock;` in vireo/wit/project.wit.
import * as contract from "vireo:flow/clock@0.1.0";
import { attempt } from "./vireo.js";

/**
 * @typedef {object} LocalTime
 * @property {number} year
 * @property {number} month 1 to 12
 * @property {number} day 1 to 31
 * @property {number} weekday 1 is Monday, 7 is Sunday
 * @property {number} hour
 * @property {number} minute
 * @property {number} second
 * @property {number} utcOffsetS seconds east of UTC
 */

/** Time and random numbers come from here; `Date` and `Math.random` have none. */
export const clock = {
  /** ms since 1970-01-01T00:00:00Z. @returns {number} */
  now: () => Number(contract.now()),
  /** In an IANA time zone; the server's own when absent. @param {string} [zone] @returns {LocalTime} */
  local: (zone) => attempt(() => contract.local(zone)),
  /** A number that nobody can guess, at least 0 and below 1, of 53 bits. @returns {number} */
  random: () => Math.min(Number(contract.random()) / 2 ** 64, 1 - 2 ** -53),
};
