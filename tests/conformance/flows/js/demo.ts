// An information line in TypeScript: opening hours, a balance, a message for the office.
import { kv } from "../../../../sdk/js/kv.js";
import { settings } from "../../../../sdk/js/settings.js";
import { type Call, info, recording, say } from "../../../../sdk/js/vireo.js";

export function demo(call: Call) {
  call.answer();
  const recorded = call.startRecording();
  const number = kv.increment("calls", 1);
  info(`call ${number} from ${call.caller}, recorded as ${recorded}`);
  info(`this is ${settings.get("office") ?? "the office"}`);

  call.play("demo/welcome");
  while (mainMenu(call));
  call.play("demo/goodbye");
}

/** Is the menu to be heard again? */
function mainMenu(call: Call): boolean {
  const choice = choose(call, "demo/menu", ["1", "2", "3", "0"]);
  if (choice === undefined) return false;
  kv.set("last-choice", choice);
  switch (choice) {
    case "1":
      call.play("demo/opening-hours");
      return true;
    case "2":
      balance(call);
      return true;
    case "3":
      leaveMessage(call);
      return false;
    default:
      call.play("demo/operator");
      return true;
  }
}

function balance(call: Call) {
  const { digits } = call.gather("demo/enter-number", {
    minDigits: 4,
    maxDigits: 8,
    firstDigitTimeout: 6000,
    attempts: 2,
    noMatch: "demo/no-match",
  });
  if (digits === undefined) return;
  const amount = kv.getText(`balance/${digits}`);
  if (amount === undefined) call.play("demo/no-such-number");
  else call.play(["demo/balance", say.number(amount)]);
}

function leaveMessage(call: Call) {
  for (;;) {
    const message = call.record("demo/leave-message", { maxDuration: 60_000, silence: 3000 });
    info(`message ${message.id} of ${message.duration} ms`);
    if (keep(call, message.id)) break;
    call.discard(message);
  }
  kv.increment("messages", 1);
  call.play("demo/message-kept");
}

/** Is the caller content with the message? A caller who says nothing about it is. */
function keep(call: Call, message: string): boolean {
  for (;;) {
    const choice = choose(call, "demo/keep-message", ["1", "2", "3"]);
    if (choice !== "2") return choice !== "3";
    call.play(["demo/you-said", recording(message)]);
  }
}

/** Asks three times at most; undefined when the caller chose nothing that is on the menu. */
function choose(call: Call, menu: string, accept: string[]): string | undefined {
  const gathered = call.gather(menu, { accept, noInput: "demo/no-input", noMatch: "demo/no-match" });
  if (gathered.kind === "no-match") info(`${menu}: ${gathered.pressed} is not on the menu`);
  return gathered.digits;
}
