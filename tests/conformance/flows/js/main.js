// The flows of the suite in JavaScript; the other languages say the same.
import { clock } from "../../../../sdk/js/clock.js";
import { settings } from "../../../../sdk/js/settings.js";
import { flow, FlowError } from "../../../../sdk/js/vireo.js";
import { demo } from "./demo.ts";
import { errors } from "./errors.js";
import { everything } from "./everything.js";

const flows = { demo, errors, everything, bench };

export const run = flow((call) => {
  const chosen = flows[call.parameter("flow")];
  if (!chosen) throw new FlowError("failed", "no such flow");
  chosen(call);
});

/** For the measurements: so many host calls of one kind. */
function bench(call) {
  const verbs = {
    now: () => clock.now(),
    play: () => call.play("welcome"),
    gather: () => call.gather("menu", { accept: ["1", "2"] }),
    wait: () => call.wait(60_000),
  };
  const verb = verbs[settings.get("verb")];
  for (let left = Number(settings.get("times")); left > 0; left--) verb();
}
