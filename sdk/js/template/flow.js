// A first flow: a menu, and a message.
import { flow, info, recording } from "./vireo/js/vireo.js";

export const run = flow((call) => {
  call.answer();
  call.play("welcome");
  const { digits } = call.gather("menu", { accept: ["1", "2"], noMatch: "sorry" });
  if (digits === "1") call.play("opening-hours");
  else if (digits === "2") leaveMessage(call);
  else info(`${call.caller} chose nothing`);
  call.play("goodbye");
});

function leaveMessage(call) {
  const message = call.record("leave-message");
  info(`message ${message.id} of ${message.duration} ms`);
  call.play(["you-said", recording(message)]);
}
