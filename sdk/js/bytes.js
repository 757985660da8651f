// Texts and bytes; there is no TextEncoder in a flow.
import { FlowError } from "./vireo.js";

/** @param {string} text @returns {Uint8Array} */
function toUtf8(text) {
  const escaped = encodeURIComponent(text.toWellFormed());
  const bytes = escaped.replace(/%(..)/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Uint8Array.from(bytes, (byte) => byte.charCodeAt(0));
}

/** @param {Uint8Array} bytes @returns {string} */
export function fromUtf8(bytes) {
  const escaped = Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
  try {
    return decodeURIComponent(escaped);
  } catch {
    throw new FlowError("failed", "these bytes are no UTF-8 text");
  }
}

/** @param {string | Uint8Array} data */
export const toBytes = (data) => (typeof data === "string" ? toUtf8(data) : data);
