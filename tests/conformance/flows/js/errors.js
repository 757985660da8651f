// Errors are told apart, and carry their text.
import { kv } from "../../../../sdk/js/kv.js";
import { FlowError, info } from "../../../../sdk/js/vireo.js";

export function errors(call) {
  report(() => call.play("missing"));
  report(() => kv.set("key", "value"));
  report(() => call.ring());
  report(() => call.gather("menu", { maxDigits: 200 }));
  report(() => call.sendDigits("1"));
  throw new FlowError("failed", "the timetable is empty");
}

function report(verb) {
  try {
    verb();
    info("no error");
  } catch (error) {
    if (!(error instanceof FlowError)) throw error;
    info(`${error.kind.replace("-", " ")}: ${error.message}`);
  }
}
