// Settings and secrets. A project needs `import settings;` in vireo/wit/project.wit, and the grant
// `secrets`.
import * as contract from "vireo:flow/settings@0.1.0";
import { attempt } from "./vireo.js";

/** What the operator gives to the flow. */
export const settings = {
  /** @param {string} key @returns {string | undefined} */
  get: (key) => contract.get(key) ?? undefined,
  /** A granted secret; it is never logged. @param {string} name @returns {string} */
  secret: (name) => attempt(() => contract.secret(name)),
};
