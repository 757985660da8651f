// HTTP requests. A project needs `import http;` in vireo/wit/project.wit, and the grant `http`.
import * as contract from "vireo:flow/http@0.1.0";
import { fromUtf8, toBytes } from "./bytes.js";
import { attempt } from "./vireo.js";

/**
 * @typedef {object} Response
 * @property {number} status
 * @property {[string, string][]} headers
 * @property {Uint8Array} body
 * @property {() => string} text the body as UTF-8
 * @property {(name: string) => string | undefined} header names are compared without case
 */

/** HTTP requests to hosts that the flow was granted. */
export const http = {
  /**
   * A response of any status is a success.
   * @param {string} method
   * @param {string} url
   * @param {{ headers?: [string, string][], body?: string | Uint8Array, timeout?: number }} [options]
   *   timeout: ms, 5000
   * @returns {Response}
   */
  send(method, url, { headers = [], body = "", timeout = 5000 } = {}) {
    const request = { method, url, headers, body: toBytes(body), timeoutMs: timeout };
    const response = attempt(() => contract.send(request));
    return {
      ...response,
      text: () => fromUtf8(response.body),
      header: (name) => response.headers.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1],
    };
  },
  /** @param {string} url @param {object} [options] as of `send` @returns {Response} */
  get: (url, options) => http.send("GET", url, options),
  /** @param {string} url @param {string | Uint8Array} body @param {object} [options] @returns {Response} */
  post: (url, body, options) => http.send("POST", url, { ...options, body }),
};
