// Every function of the contract.
import { clock } from "../../../../sdk/js/clock.js";
import { http } from "../../../../sdk/js/http.js";
import { kv } from "../../../../sdk/js/kv.js";
import { settings } from "../../../../sdk/js/settings.js";
import {
  ANY_KEY, beep, debug, error, info, recording, say, silence, spoken, text, tone, warn,
} from "../../../../sdk/js/vireo.js";

export function everything(call) {
  theCall(call);
  prompts(call);
  keys(call);
  speech(call);
  recordings(call);
  services();
  call.hangup();
  call.reject("congested");
}

function theCall(call) {
  const about = call.info;
  info(`${about.callId} ${about.flow} ${about.version}`);
  info(`${about.trunk} ${about.route} ${about.language}`);
  info(`${about.caller} ${about.called}`);
  info(about.callerName ?? "no name");
  info(about.divertedBy.join(" "));
  info(`${about.startedAt}`);
  info(`[${call.parameter("empty") ?? "absent"}]`);
  info(`[${call.parameter("absent") ?? "absent"}]`);
  info(call.header("X-Colour").join(" "));
  call.ring();
  call.earlyMedia();
  call.answer();
  for (let i = 0; i < 5; i++) {
    const { kind, key } = call.wait(1500);
    info(kind === "digit" ? `key ${key}` : kind.replace("-", " "));
  }
}

function prompts(call) {
  const parts = [
    "menu/welcome",
    recording(call.startRecording()),
    silence(300),
    tone(440, 200),
    tone(350, 1000, { and: 440, level: -20 }),
    beep(),
  ];
  const key = call.play(parts, { language: "zh-CN", interruptKeys: ANY_KEY });
  info(key === undefined ? "finished" : `interrupted by ${key}`);
  call.play(["goodbye", text("<speak>Grüße, <break/>世界.</speak>")]);
  call.play([
    say.number(-21, { gender: "feminine" }),
    say.number("3.50"),
    say.ordinal(3, { gender: "neuter" }),
    say.digits("407*"),
    say.date({ year: 2024, month: 2, day: 29 }),
    say.date({ year: 2026, month: 11, day: 22 }, { style: "weekday-day-month" }),
    say.time({ hour: 14, minute: 5 }),
    say.time({ hour: 24, minute: 0 }, { hours: "twenty-four" }),
    say.duration(3_661_500),
    say.currency("12.50", "EUR"),
    say.telephone("+49 30 123"),
    say.characters("aé-1"),
  ]);
  call.startPlaying(["a", "b"]);
  call.repeatPlaying("music");
  call.stopPlaying();
}

function keys(call) {
  show(
    call.gather(["a", silence(20)], {
      language: "de",
      minDigits: 0,
      maxDigits: 12,
      terminators: "*#",
      accept: ["1", "9xxx", "00."],
      bargeIn: "deaf",
      typeAhead: "flush",
      firstDigitTimeout: 8000,
      interDigitTimeout: 1500,
      attempts: 2,
      noInput: ["b", "c"],
      noMatch: "d",
    }),
  );
  show(call.gather([], { bargeIn: "off" }));
  show(call.gather("menu", { accept: ["1", "9xxx"] }));
  call.flushDigits();
  call.sendDigits("12,#");
}

function show({ kind, digits, pressed }) {
  if (kind === "digits") info(`digits [${digits}]`);
  else info(kind === "no-input" ? "no input" : `no match [${pressed}]`);
}

function speech(call) {
  const grammars = [
    spoken.phrases("sales", ["客服", "service"]),
    spoken.digits(2, 4),
    spoken.number(),
    spoken.yesNo(),
    spoken.date(),
    spoken.dictation(),
  ];
  const everything = {
    grammars,
    language: "zh-CN",
    minConfidence: 0.25,
    alternatives: 2,
    endOfSpeech: 900,
    longest: 20_000,
    bargeIn: 0,
  };
  const yesNo = { grammars: [spoken.yesNo()] };
  answered(call.gather("ask", { attempts: 1, speech: everything }));
  answered(call.gather("sure", { speech: yesNo }));
  answered(call.gather("menu", { accept: ["1"], speech: yesNo }));
}

function answered({ kind, said, reason, why, pressed }) {
  if (kind === "unheard") return info(`unheard, ${reason.replace("-", " ")}: ${why} [${pressed}]`);
  const one = ({ value, text, confidence }) => `[${value}] [${text}] ${confidence * 100}`;
  const others = said.alternatives.map((other) => `, ${one(other)}`);
  info(`${kind === "speech" ? "said" : kind} ${one(said)} ${said.grammar}${others.join("")}`);
}

function recordings(call) {
  const message = call.record("speak", {
    language: "fr",
    beep: false,
    maxDuration: 30_000,
    silence: 0,
    terminators: "0123456789*#",
  });
  info(`${message.id} ${message.duration} ${message.endedBy.replace("-", " ")}`);
  call.record("again");
  call.pauseRecording();
  call.resumeRecording();
  call.stopRecording();
  call.discard(message);
}

function services() {
  const value = kv.get("bytes");
  info(`${value.length} bytes, the first ${value[0]}`);
  info(kv.get("absent") === undefined ? "absent" : "there");
  kv.set("bytes", Uint8Array.of(0, 255, 10));
  kv.set("text", "grün");
  kv.set("empty", "");
  kv.delete("text");
  info(`${kv.increment("count", -5)}`);
  info(`${kv.compareAndSwap("k", undefined, "a")}`);
  info(`${kv.compareAndSwap("k", "a", undefined)}`);
  info(kv.keys("p/", 10).join(" "));

  info(settings.get("colour") ?? "absent");
  info(settings.get("absent") ?? "absent");
  info(`${settings.secret("pin").length}`);
  debug('ä "quoted"');
  warn("电话");
  error("");

  info(`${clock.now()}`);
  at(clock.local());
  at(clock.local("Asia/Shanghai"));
  info(`${clock.random() * 2 ** 64}`);

  const response = http.post("http://api.example.com/x", '{"a":1}', {
    headers: [["content-type", "application/json"], ["x-empty", ""]],
    timeout: 2500,
  });
  info(`${response.status} ${response.header("server")} ${response.text()}`);
  info(`${http.get("http://api.example.com/").status}`);
}

function at({ year, month, day, weekday, hour, minute, second, utcOffsetS }) {
  info([year, month, day, weekday, hour, minute, second, utcOffsetS].join(" "));
}
