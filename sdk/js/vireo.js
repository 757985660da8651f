/**
 * Write IVR flows for Vireo in JavaScript or TypeScript.
 *
 *     import { flow, info } from "./vireo/js/vireo.js";
 *
 *     export const run = flow((call) => {
 *       call.answer();
 *       call.play("welcome");
 *       const choice = call.gather("menu", { accept: ["1", "2"] });
 *       info(`chose ${choice.digits ?? "nothing"}`);
 *     });
 *
 * A flow reads from top to bottom; every verb blocks until it is done. What goes wrong is thrown as a
 * {@link FlowError}; when the caller hangs up, that ends the flow, which is a normal end. The contract
 * with all ranges is sdk/wit; the order of events in a gather is the table there.
 *
 * The services are modules beside this one, kv.js, settings.js, clock.js and http.js: a component
 * imports what its modules import, and must be granted it.
 */
import * as contractCall from "vireo:flow/call@0.1.0";
import * as contractLog from "vireo:flow/log@0.1.0";
import * as contractMedia from "vireo:flow/media@0.1.0";

/** @typedef {"hung-up" | "denied" | "invalid" | "not-found" | "wrong-state" | "failed"} ErrorKind */

/** Why a verb could not do its work. */
export class FlowError extends Error {
  /**
   * @param {ErrorKind} kind `hung-up`: the call is over; `denied`: not granted in the server's
   *   configuration; `invalid`: an argument is out of range; `not-found`: no prompt, recording or secret
   *   of that name; `wrong-state`: the verb does not fit the state of the call; `failed`: it was tried
   *   and did not work.
   * @param {string} [text]
   */
  constructor(kind, text = "") {
    super(text);
    this.name = "FlowError";
    this.kind = kind;
  }
}

/**
 * Calls a function of the contract; what it throws becomes a FlowError.
 * @template T
 * @param {() => T} verb
 * @returns {T}
 */
export function attempt(verb) {
  try {
    return verb();
  } catch (thrown) {
    const payload = thrown?.payload ?? thrown;
    throw payload?.tag ? new FlowError(payload.tag, payload.val) : thrown;
  }
}

/**
 * Makes a function the flow of this component: `export const run = flow((call) => { ... });`.
 *
 * Returning ends the call. A FlowError that is not caught is what the operator sees, unless it is
 * `hung-up`; any other exception is a failure of the flow, and its place goes to the log.
 * @param {(call: Call) => void} main
 * @returns {() => void}
 */
export function flow(main) {
  return () => {
    try {
      main(new Call());
    } catch (thrown) {
      if (thrown instanceof FlowError) {
        throw thrown.kind === "hung-up" ? { tag: "hung-up" } : { tag: thrown.kind, val: thrown.message };
      }
      const text = String(thrown);
      contractLog.write("error", `${text}\n${thrown?.stack ?? ""}`);
      throw { tag: "failed", val: text };
    }
  };
}

/**
 * A piece of a prompt; a text is the name of a file.
 * @typedef {string | { tag: string, val: any }} Part
 */
/** @typedef {Part | Part[]} Prompt What the caller hears, without gaps; [] is nothing. */

/** A recording that this call made. @param {string | Message} recording @returns {Part} */
export const recording = (recording) => ({
  tag: "recording",
  val: typeof recording === "string" ? recording : recording.id,
});

/**
 * A text that is spoken, by the server's voice of the prompt's language: plain, or SSML when it
 * begins with `<speak`; 1 to 10,000 characters.
 * @param {string} text
 * @returns {Part}
 */
export const text = (text) => ({ tag: "text", val: text });

/** So many milliseconds of silence, 1 to 60,000. @param {number} ms @returns {Part} */
export const silence = (ms) => ({ tag: "silence", val: ms });

/**
 * A sine wave of so many Hz for so many milliseconds.
 * @param {number} frequency
 * @param {number} ms
 * @param {{ and?: number, level?: number }} [options] a second frequency, Hz; dBm0 of each, -12
 * @returns {Part}
 */
export const tone = (frequency, ms, { and, level = -12 } = {}) => ({
  tag: "tone",
  val: { frequency, secondFrequency: and, durationMs: ms, levelDbm0: level },
});

/** 1000 Hz for 200 ms. @returns {Part} */
export const beep = () => tone(1000, 200);

/** @param {string} tag @param {any} val @returns {Part} */
const said = (tag, val) => ({ tag: "say", val: { tag, val } });

/** @typedef {"masculine" | "feminine" | "neuter"} Gender Of the noun that a number goes with. */

/** Values that are said in words, by the grammar of the prompt's language. */
export const say = {
  /**
   * "twenty one": a whole number, or a decimal as text.
   * @param {number | bigint | string} value
   * @param {{ gender?: Gender }} [options]
   */
  number: (value, { gender } = {}) => said("number", { value: String(value), gender }),
  /** "third": 1 to 999. @param {number} value @param {{ gender?: Gender }} [options] */
  ordinal: (value, { gender } = {}) => said("ordinal", { value, gender }),
  /** One digit after the other. @param {string} digits */
  digits: (digits) => said("digits", digits),
  /**
   * @param {{ year: number, month: number, day: number }} date months and days from 1
   * @param {{ style?: "full" | "day-month" | "weekday-day-month" | "weekday-full" }} [options]
   */
  date: ({ year, month, day }, { style = "full" } = {}) => said("date", { year, month, day, style }),
  /**
   * @param {{ hour: number, minute: number }} time 0:00 to 24:00
   * @param {{ hours?: "usual" | "twenty-four" }} [options]
   */
  time: ({ hour, minute }, { hours = "usual" } = {}) => said("time", { hour, minute, hours }),
  /** As days, hours, minutes and seconds. @param {number} ms */
  duration: (ms) => said("duration", Math.floor(ms / 1000)),
  /** @param {number | string} amount "12.50" @param {string} code "EUR" */
  currency: (amount, code) => said("currency", { value: String(amount), currency: code }),
  /** With pauses between its groups. @param {string} number */
  telephone: (number) => said("telephone", number),
  /** Letters, digits and `. @ - _ / + * #`, one by one. @param {string} text */
  characters: (text) => said("characters", text),
};

/** What may be said in a gather. */
export const spoken = {
  /**
   * One of these: the words, or the words and what the flow gets for them.
   * @param {...(string | [string, string])} phrases
   */
  phrases: (...phrases) => ({
    tag: "phrases",
    val: phrases.map((phrase) => {
      const [text, value] = typeof phrase === "string" ? [phrase] : phrase;
      return { text, value };
    }),
  }),
  /** So many digits, one by one: "0421". @param {number} min @param {number} [max] */
  digits: (min, max = min) => ({ tag: "digits", val: { min, max } }),
  /** "-12.5" */
  number: () => ({ tag: "number" }),
  /** "yes" or "no", in whatever words the language has for them. */
  yesNo: () => ({ tag: "yes-no" }),
  /** A day: "2026-11-22". */
  date: () => ({ tag: "date" }),
  /** Anything, where the language's model can do that. */
  dictation: () => ({ tag: "dictation" }),
};

/** @param {Speech} speech */
const listening = (speech) => ({
  grammars: speech.grammars,
  language: speech.language,
  minConfidence: speech.minConfidence ?? 0.5,
  alternatives: speech.alternatives ?? 0,
  endOfSpeechMs: speech.endOfSpeech ?? 700,
  longestMs: speech.longest ?? 10000,
  bargeInMs: speech.bargeIn ?? 300,
});

/** @param {Prompt} [prompt] */
function parts(prompt = []) {
  const list = Array.isArray(prompt) ? prompt : [prompt];
  return list.map((part) => (typeof part === "string" ? { tag: "file", val: part } : part));
}

/** All keys, for `interruptKeys`. */
export const ANY_KEY = "0123456789*#ABCD";

const MOST_DIGITS = 64;

/** The most digits that an entry of `accept` can have. @param {string[]} accept */
function longest(accept) {
  const lengths = accept.map((entry) => (entry.endsWith(".") ? MOST_DIGITS : entry.length));
  return lengths.length === 0 ? MOST_DIGITS : Math.min(Math.max(...lengths, 1), MOST_DIGITS);
}

/**
 * @typedef {object} Info What is known of the call.
 * @property {string} callId as in the CDR, the journal and the log
 * @property {string} flow
 * @property {string} version SHA-256 of the component, 64 lower-case hex digits
 * @property {string} trunk
 * @property {string} route
 * @property {string} caller calling number or SIP user; "" when withheld
 * @property {string | undefined} callerName
 * @property {string} called
 * @property {string[]} divertedBy nearest first
 * @property {string} language BCP 47 tag of the route
 * @property {[string, string][]} parameters of the route
 * @property {number} startedAt ms since 1970-01-01T00:00:00Z
 */

/**
 * @typedef {object} GatherOptions
 * @property {string} [language] BCP 47; the call's own
 * @property {number} [minDigits] 1
 * @property {number} [maxDigits] the longest of `accept`, else 64; 0 with `speech`: no key is taken
 * @property {string} [terminators] "#", but "" when maxDigits is 1
 * @property {string[]} [accept] exact digits, `x` for 0-9, a last `.` for any more; everything
 * @property {"on" | "off" | "deaf"} [bargeIn] "on": any key stops the prompt
 * @property {"keep" | "flush"} [typeAhead] "keep": keys pressed earlier count
 * @property {number} [firstDigitTimeout] ms from the end of the prompt, 5000
 * @property {number} [interDigitTimeout] ms, 3000
 * @property {number} [attempts] 3
 * @property {Prompt} [noInput] heard before the prompt is repeated because nothing was pressed
 * @property {Prompt} [noMatch] heard before the prompt is repeated because it is not accepted
 * @property {Speech} [speech] what the caller may say instead; keys alone
 */

/**
 * @typedef {object} Speech
 * @property {Grammar[]} grammars what may be said: `spoken.phrases("sales")`, `spoken.digits(4)`...
 * @property {string} [language] BCP 47, what the caller speaks; the gather's
 * @property {number} [minConfidence] 0.5; below, it is misheard
 * @property {number} [alternatives] other readings told, at most; 0
 * @property {number} [endOfSpeech] ms of silence that end it, 700
 * @property {number} [longest] ms, 10000
 * @property {number} [bargeIn] ms of speech that stop the prompt, 300
 */

/** @typedef {{ tag: string, val?: unknown }} Grammar */

/**
 * @typedef {object} Said
 * @property {string} value as the grammar says; "" where none matches
 * @property {string} text the words that were understood
 * @property {number} confidence 0.0 to 1.0
 * @property {number} [grammar] which of the grammars it is, from 0
 * @property {Said[]} [alternatives] other readings, best first
 */

/**
 * @typedef {object} Gathered
 * @property {"digits" | "no-input" | "no-match" | "speech" | "misheard" | "unheard"} kind
 * @property {string} [digits] those that match what was asked for
 * @property {string} [pressed] of `no-match` and `unheard`: what was pressed in the last attempt
 * @property {Said} [said] of `speech`, and of `misheard`, which matches nothing or is not sure enough
 * @property {"busy" | "no-model" | "failed"} [reason] of `unheard`: why the recognizer did not listen
 * @property {string} [why] of `unheard`: in words, for the log
 */

/**
 * @typedef {object} RecordOptions
 * @property {string} [language] BCP 47; the call's own
 * @property {boolean} [beep] true
 * @property {number} [maxDuration] ms, 120000
 * @property {number} [silence] ms that end the recording, 4000; 0: never
 * @property {string} [terminators] "#"
 */

/**
 * @typedef {object} Message
 * @property {string} id
 * @property {number} duration ms
 * @property {"terminator" | "silence" | "max-duration" | "hung-up" | "failed"} endedBy
 */

/** The call that this flow controls. */
export class Call {
  #info;

  /** @returns {Info} */
  get info() {
    if (!this.#info) {
      const info = contractCall.getInfo();
      this.#info = { ...info, startedAt: Number(info.startedAt) };
    }
    return this.#info;
  }

  /** Calling number or SIP user; "" when withheld. */
  get caller() {
    return this.info.caller;
  }

  /** Called number or SIP user. */
  get called() {
    return this.info.called;
  }

  /** A parameter of the route. @param {string} name @returns {string | undefined} */
  parameter(name) {
    return this.info.parameters.find(([key]) => key === name)?.[1];
  }

  /** The values of a header of the INVITE, in order. @param {string} name @returns {string[]} */
  header(name) {
    return contractCall.header(name);
  }

  /** 180 Ringing; only before the answer. */
  ring() {
    attempt(() => contractCall.ring());
  }

  /** Prompts before the answer, without charge (183 Session Progress). */
  earlyMedia() {
    attempt(() => contractCall.earlyMedia());
  }

  /** Answers the call. Playing, gathering and recording do it by themselves. */
  answer() {
    attempt(() => contractCall.answer());
  }

  /**
   * Refuses the call; only before the answer.
   * @param {"busy" | "decline" | "not-found" | "unavailable" | "forbidden" | "congested"} why
   */
  reject(why) {
    attempt(() => contractCall.reject(why));
  }

  /** Ends the call; later verbs throw `hung-up`. Returning from the flow does the same. */
  hangup() {
    contractCall.hangup();
  }

  /**
   * The next event, at the most so many milliseconds (to 24 hours) from now.
   * @param {number} ms
   * @returns {{ kind: "digit" | "playing-finished" | "held" | "resumed" | "timeout", key?: string }}
   */
  wait(ms) {
    const event = attempt(() => contractCall.wait(ms));
    return { kind: event.tag, key: event.val };
  }

  /**
   * Plays a prompt to its end. Keys pressed meanwhile stay in the type-ahead buffer.
   * @param {Prompt} prompt
   * @param {{ language?: string, interruptKeys?: string }} [options]
   * @returns {string | undefined} the key that cut it short
   */
  play(prompt, { language, interruptKeys = "" } = {}) {
    return attempt(() => contractMedia.play(parts(prompt), { language, interruptKeys })).val;
  }

  /** Starts a prompt and returns at once; `wait` tells its end. @param {Prompt} prompt */
  startPlaying(prompt) {
    attempt(() => contractMedia.startPlaying(parts(prompt), undefined, false));
  }

  /** Plays a prompt again and again, until `stopPlaying`. @param {Prompt} prompt */
  repeatPlaying(prompt) {
    attempt(() => contractMedia.startPlaying(parts(prompt), undefined, true));
  }

  /** Stops what `startPlaying` or `repeatPlaying` started. */
  stopPlaying() {
    attempt(() => contractMedia.stopPlaying());
  }

  /**
   * Plays a prompt and collects keys, or speech.
   * @param {Prompt} prompt
   * @param {GatherOptions} [options]
   * @returns {Gathered}
   */
  gather(prompt, options = {}) {
    const { accept = [] } = options;
    const maxDigits = options.maxDigits ?? longest(accept);
    const gathered = attempt(() =>
      contractMedia.gather({
        prompt: parts(prompt),
        language: options.language,
        minDigits: options.minDigits ?? 1,
        maxDigits,
        terminators: options.terminators ?? (maxDigits === 1 ? "" : "#"),
        accept,
        bargeIn: options.bargeIn ?? "on",
        typeAhead: options.typeAhead ?? "keep",
        firstDigitTimeoutMs: options.firstDigitTimeout ?? 5000,
        interDigitTimeoutMs: options.interDigitTimeout ?? 3000,
        attempts: options.attempts ?? 3,
        noInputPrompt: parts(options.noInput),
        noMatchPrompt: parts(options.noMatch),
        speech: options.speech && listening(options.speech),
      }),
    );
    switch (gathered.tag) {
      case "digits":
        return { kind: "digits", digits: gathered.val };
      case "no-match":
        return { kind: "no-match", pressed: gathered.val };
      case "speech":
      case "misheard":
        return { kind: gathered.tag, said: gathered.val };
      case "unheard": {
        const { reason, text, digits } = gathered.val;
        return { kind: "unheard", reason, why: text, pressed: digits };
      }
      default:
        return { kind: "no-input" };
    }
  }

  /** Throws away the keys that were pressed and not yet collected. */
  flushDigits() {
    attempt(() => contractMedia.flushDigits());
  }

  /** Sends digits to the other side; `,` is a pause of 500 ms. @param {string} digits */
  sendDigits(digits) {
    attempt(() => contractMedia.sendDigits(digits));
  }

  /**
   * Records what the caller says.
   * @param {Prompt} prompt heard before, without barge-in
   * @param {RecordOptions} [options]
   * @returns {Message}
   */
  record(prompt, options = {}) {
    const message = attempt(() =>
      contractMedia.record({
        prompt: parts(prompt),
        language: options.language,
        beep: options.beep ?? true,
        maxDurationMs: options.maxDuration ?? 120_000,
        silenceMs: options.silence ?? 4000,
        terminators: options.terminators ?? "#",
      }),
    );
    return { id: message.id, duration: message.durationMs, endedBy: message.endedBy };
  }

  /** Starts recording the call in stereo. @returns {string} the recording's id */
  startRecording() {
    return attempt(() => contractMedia.startRecording());
  }

  /** Pauses the recording of the call, for example while a card number is said. */
  pauseRecording() {
    attempt(() => contractMedia.pauseRecording());
  }

  /** Goes on with the recording of the call. */
  resumeRecording() {
    attempt(() => contractMedia.resumeRecording());
  }

  /** Ends the recording of the call before the call ends. */
  stopRecording() {
    attempt(() => contractMedia.stopRecording());
  }

  /** Deletes a message or the recording of the call. @param {string | Message} recording */
  discard(recording) {
    const id = typeof recording === "string" ? recording : recording.id;
    attempt(() => contractMedia.discardRecording(id));
  }
}

/** @param {string} text */
export const debug = (text) => contractLog.write("debug", text);
/** @param {string} text */
export const info = (text) => contractLog.write("info", text);
/** @param {string} text */
export const warn = (text) => contractLog.write("warn", text);
/** @param {string} text */
export const error = (text) => contractLog.write("error", text);
