"""Write IVR flows for Vireo in Python.

    from vireo import flow, info

    @flow
    def main(call):
        call.answer()
        call.play("welcome")
        choice = call.gather("menu", accept=["1", "2"])
        info(f"chose {choice.digits}")

A flow reads from top to bottom; every verb blocks until it is done. What goes wrong is raised as a
FlowError; HungUp ends the flow, which is a normal end. The contract with all ranges is sdk/wit; the
order of events in a gather is the table there.
"""

from __future__ import annotations

import importlib
import traceback
from dataclasses import dataclass
from typing import Callable, List, Optional, Sequence, Tuple, Union

from componentize_py_types import Err
from wit_world.imports import call as _call
from wit_world.imports import log as _log
from wit_world.imports import media as _media
from wit_world.imports import types as _types
from wit_world.imports.call import Info, Refusal
from wit_world.imports.media import BargeIn, DateStyle, Gender, Hours, Message, RecordEnd, TypeAhead



def _service(name):
    """An interface that a project's world may leave out, so that it need not be granted."""
    try:
        return importlib.import_module(f"wit_world.imports.{name}")
    except ModuleNotFoundError:
        return _Missing(name)


class _Missing:
    """Stands for an interface that is not in the world."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, _):
        raise Failed(f"this flow does not import {self._name}: say `import {self._name};` in vireo/wit/project.wit")


_clock = _service("clock")
_http = _service("http")
_kv = _service("kv")
_settings = _service("settings")

ANY_KEY = "0123456789*#ABCD"
"""All keys, for interrupt_keys."""

_MOST_DIGITS = 64


class FlowError(Exception):
    """Why a verb could not do its work; str() of it is the text."""


class HungUp(FlowError):
    """The call is over. A flow that ends with this has ended normally."""


class Denied(FlowError):
    """The flow was not granted this in the server's configuration; the text names the grant."""


class Invalid(FlowError):
    """An argument is out of range or contradicts another; the text names it."""


class NotFound(FlowError):
    """A prompt, recording or secret of that name does not exist."""


class WrongState(FlowError):
    """The verb does not fit the state of the call: ring after answer, for example."""


class Failed(FlowError):
    """It was tried and did not work. Raise it for the flow's own failures."""


_FROM_CONTRACT = {
    _types.Error_Denied: Denied,
    _types.Error_Invalid: Invalid,
    _types.Error_NotFound: NotFound,
    _types.Error_WrongState: WrongState,
    _types.Error_Failed: Failed,
}
_TO_CONTRACT = {ours: theirs for theirs, ours in _FROM_CONTRACT.items()}


def _attempt(verb, *arguments):
    """Calls a function of the contract; what it raises becomes a FlowError."""
    try:
        return verb(*arguments)
    except Err as error:
        why = error.value
    if isinstance(why, _types.Error_HungUp):
        raise HungUp("the call is over")
    raise _FROM_CONTRACT[type(why)](why.value)


def flow(main: Callable[[Call], None]):
    """Makes a function the flow of this component.

    Returning ends the call. A FlowError that is not caught is what the operator sees, unless it is
    HungUp; any other exception is a failure of the flow, and its traceback goes to the log.
    """

    class WitWorld:
        def run(self) -> None:
            try:
                main(Call())
            except HungUp:
                raise Err(_types.Error_HungUp()) from None
            except FlowError as error:
                case = _TO_CONTRACT.get(type(error), _types.Error_Failed)
                raise Err(case(str(error))) from None
            except Exception as error:
                _log.write(_log.Level.ERROR, traceback.format_exc())
                raise Err(_types.Error_Failed(f"{type(error).__name__}: {error}")) from None

    # The name under which componentize-py looks for the world's exports.
    main.__globals__["WitWorld"] = WitWorld
    return main


Part = Union[
    str,
    _media.Part_File,
    _media.Part_Recording,
    _media.Part_Silence,
    _media.Part_Tone,
    _media.Part_Say,
    _media.Part_Text,
]
"""A piece of a prompt; a str is the name of a file."""

Prompt = Union[Part, Sequence[Part]]
"""What the caller hears, without gaps; [] is nothing."""


def recording(message: Union[str, Message]) -> Part:
    """A recording that this call made."""
    return _media.Part_Recording(message if isinstance(message, str) else message.id)


def text(text: str) -> Part:
    """A text that is spoken, by the server's voice of the prompt's language: plain, or SSML when it
    begins with `<speak`; 1 to 10,000 characters."""
    return _media.Part_Text(text)


def silence(ms: int) -> Part:
    """So many milliseconds of silence, 1 to 60,000."""
    return _media.Part_Silence(ms)


def tone(frequency: int, ms: int, second: Optional[int] = None, level: int = -12) -> Part:
    """One or two sine waves: Hz, milliseconds, Hz, dBm0 of each."""
    return _media.Part_Tone(_media.Tone(frequency, second, ms, level))


def beep() -> Part:
    """1000 Hz for 200 ms."""
    return tone(1000, 200)


class say:
    """Values that are said in words, by the grammar of the prompt's language."""

    @staticmethod
    def number(value: Union[int, str], gender: Optional[Gender] = None) -> Part:
        """"twenty one": a whole number, or a decimal as text; the gender of the noun it goes with."""
        return _media.Part_Say(_media.SayAs_Number(_media.Number(str(value), gender)))

    @staticmethod
    def ordinal(value: int, gender: Optional[Gender] = None) -> Part:
        """"third": 1 to 999."""
        return _media.Part_Say(_media.SayAs_Ordinal(_media.Ordinal(value, gender)))

    @staticmethod
    def digits(digits: str) -> Part:
        """One digit after the other."""
        return _media.Part_Say(_media.SayAs_Digits(digits))

    @staticmethod
    def date(year: int, month: int, day: int, style: DateStyle = DateStyle.FULL) -> Part:
        """A day; `style` tells which parts of it are said."""
        return _media.Part_Say(_media.SayAs_Date(_media.Date(year, month, day, style)))

    @staticmethod
    def time(hour: int, minute: int, hours: Hours = Hours.USUAL) -> Part:
        """A time of day, 0:00 to 24:00."""
        return _media.Part_Say(_media.SayAs_Time(_media.Time(hour, minute, hours)))

    @staticmethod
    def duration(ms: int) -> Part:
        """As days, hours, minutes and seconds."""
        return _media.Part_Say(_media.SayAs_Duration(ms // 1000))

    @staticmethod
    def currency(amount: Union[int, str], code: str) -> Part:
        """An amount of money: "12.50", "EUR"."""
        return _media.Part_Say(_media.SayAs_Currency(_media.Amount(str(amount), code)))

    @staticmethod
    def telephone(number: str) -> Part:
        """A telephone number, with pauses between its groups."""
        return _media.Part_Say(_media.SayAs_Telephone(number))

    @staticmethod
    def characters(text: str) -> Part:
        """Letters, digits and `. @ - _ / + * #`, one by one."""
        return _media.Part_Say(_media.SayAs_Characters(text))


def _parts(prompt: Prompt) -> list:
    listed = list(prompt) if isinstance(prompt, (list, tuple)) else [prompt]
    return [_media.Part_File(part) if isinstance(part, str) else part for part in listed]


def _longest(accept: Sequence[str]) -> int:
    """The most digits that an entry of `accept` can have."""
    lengths = [_MOST_DIGITS if entry.endswith(".") else len(entry) for entry in accept]
    return min(max(lengths + [1]), _MOST_DIGITS) if lengths else _MOST_DIGITS


Recognition = _media.Recognition
"""What the caller said: `value`, `text`, `confidence`, `grammar`, `alternatives`."""

Unheard = _media.Unheard
"""A gather whose recognizer could not listen: `reason`, `text`, `digits`."""

UnheardReason = _media.UnheardReason

Grammar = _media.Grammar


class spoken:
    """What may be said."""

    @staticmethod
    def phrases(*phrases: Union[str, Tuple[str, str]]) -> Grammar:
        """One of these: the words, or the words and what the flow gets for them."""
        pairs = [(phrase, None) if isinstance(phrase, str) else phrase for phrase in phrases]
        return _media.Grammar_Phrases([_media.Phrase(text, value) for text, value in pairs])

    @staticmethod
    def digits(least: int, most: Optional[int] = None) -> Grammar:
        """So many digits, one by one: "0421"."""
        most = least if most is None else most
        return _media.Grammar_Digits(_media.DigitCount(least, most))

    @staticmethod
    def number() -> Grammar:
        """ "-12.5" """
        return _media.Grammar_Number()

    @staticmethod
    def yes_no() -> Grammar:
        """ "yes" or "no", in whatever words the language has for them."""
        return _media.Grammar_YesNo()

    @staticmethod
    def date() -> Grammar:
        """A day: "2026-11-22"."""
        return _media.Grammar_Date()

    @staticmethod
    def dictation() -> Grammar:
        """Anything, where the language's model can do that."""
        return _media.Grammar_Dictation()


@dataclass(frozen=True)
class Speech:
    """What the caller may say in a gather."""

    grammars: Sequence[Grammar]
    language: Optional[str] = None
    """BCP 47, what the caller speaks; the gather's."""
    min_confidence: float = 0.5
    """Below, it is misheard."""
    alternatives: int = 0
    """Other readings told, at most."""
    end_of_speech: int = 700
    """Silence that ends it, ms."""
    longest: int = 10_000
    """ms."""
    barge_in: int = 300
    """Speech that stops the prompt, ms."""

    def _contract(self) -> _media.SpeechOptions:
        return _media.SpeechOptions(
            list(self.grammars),
            self.language,
            self.min_confidence,
            self.alternatives,
            self.end_of_speech,
            self.longest,
            self.barge_in,
        )


@dataclass(frozen=True)
class Gathered:
    """What a gather collected."""

    digits: Optional[str] = None
    """Those that match what was asked for."""
    pressed: Optional[str] = None
    """What was pressed in the last attempt when it was a no-match; all None: no input."""
    said: Optional[Recognition] = None
    """What was said, and matches."""
    misheard: Optional[Recognition] = None
    """What was said in the last attempt, which matches nothing or is not sure enough."""
    unheard: Optional[Unheard] = None
    """Why the recognizer did not listen; no digits came: ask for keys."""


@dataclass(frozen=True)
class Event:
    """The next thing that happened to the call."""

    kind: str
    """"digit", "playing-finished", "held", "resumed", "timeout"."""
    key: Optional[str] = None


_EVENTS = {
    _call.Event_Digit: "digit",
    _call.Event_PlayingFinished: "playing-finished",
    _call.Event_Held: "held",
    _call.Event_Resumed: "resumed",
    _call.Event_Timeout: "timeout",
}


class Call:
    """The call that this flow controls. Times are in milliseconds."""

    def __init__(self) -> None:
        self._info: Optional[Info] = None

    @property
    def info(self) -> Info:
        """What is known of the call."""
        if self._info is None:
            self._info = _call.get_info()
        return self._info

    @property
    def caller(self) -> str:
        """Calling number or SIP user; empty when withheld."""
        return self.info.caller

    @property
    def called(self) -> str:
        """Called number or SIP user."""
        return self.info.called

    def parameter(self, name: str) -> Optional[str]:
        """A parameter of the route."""
        return next((value for key, value in self.info.parameters if key == name), None)

    def header(self, name: str) -> List[str]:
        """The values of a header of the INVITE, in order."""
        return _call.header(name)

    def ring(self) -> None:
        """180 Ringing; only before the answer."""
        _attempt(_call.ring)

    def early_media(self) -> None:
        """Prompts before the answer, without charge (183 Session Progress)."""
        _attempt(_call.early_media)

    def answer(self) -> None:
        """Answers the call. Playing, gathering and recording do it by themselves."""
        _attempt(_call.answer)

    def reject(self, why: Refusal) -> None:
        """Refuses the call; only before the answer."""
        _attempt(_call.reject, why)

    def hangup(self) -> None:
        """Ends the call; later verbs raise HungUp. Returning from the flow does the same."""
        _call.hangup()

    def wait(self, ms: int) -> Event:
        """The next event, at the most so long (to 24 hours) from now."""
        event = _attempt(_call.wait, ms)
        return Event(_EVENTS[type(event)], getattr(event, "value", None))

    def play(self, prompt: Prompt, *, language: Optional[str] = None, interrupt_keys: str = "") -> Optional[str]:
        """Plays a prompt to its end; returns the key that cut it short."""
        options = _media.PlayOptions(language, interrupt_keys)
        return getattr(_attempt(_media.play, _parts(prompt), options), "value", None)

    def start_playing(self, prompt: Prompt) -> None:
        """Starts a prompt and returns at once; `wait` tells its end."""
        _attempt(_media.start_playing, _parts(prompt), None, False)

    def repeat_playing(self, prompt: Prompt) -> None:
        """Plays a prompt again and again, until `stop_playing`."""
        _attempt(_media.start_playing, _parts(prompt), None, True)

    def stop_playing(self) -> None:
        """Stops what `start_playing` or `repeat_playing` started."""
        _attempt(_media.stop_playing)

    def gather(
        self,
        prompt: Prompt,
        *,
        language: Optional[str] = None,
        min_digits: int = 1,
        max_digits: Optional[int] = None,
        terminators: Optional[str] = None,
        accept: Sequence[str] = (),
        barge_in: BargeIn = BargeIn.ON,
        type_ahead: TypeAhead = TypeAhead.KEEP,
        first_digit_timeout: int = 5_000,
        inter_digit_timeout: int = 3_000,
        attempts: int = 3,
        no_input: Prompt = (),
        no_match: Prompt = (),
        speech: Optional[Speech] = None,
    ) -> Gathered:
        """Plays a prompt and collects keys, or speech.

        max_digits: the longest entry of `accept`, else 64; 0 with `speech`: no key is taken.
        terminators: "#", but "" when max_digits is 1. accept: exact digits, `x` for any of 0-9 and
        a last `.` for any more.
        """
        most = _longest(accept) if max_digits is None else max_digits
        if terminators is None:
            terminators = "" if most == 1 else "#"
        result = _attempt(
            _media.gather,
            _media.GatherOptions(
                _parts(prompt),
                language,
                min_digits,
                most,
                terminators,
                list(accept),
                barge_in,
                type_ahead,
                first_digit_timeout,
                inter_digit_timeout,
                attempts,
                _parts(no_input),
                _parts(no_match),
                speech and speech._contract(),
            ),
        )
        if isinstance(result, _media.GatherResult_Digits):
            return Gathered(digits=result.value)
        if isinstance(result, _media.GatherResult_NoMatch):
            return Gathered(pressed=result.value)
        if isinstance(result, _media.GatherResult_Speech):
            return Gathered(said=result.value)
        if isinstance(result, _media.GatherResult_Misheard):
            return Gathered(misheard=result.value)
        if isinstance(result, _media.GatherResult_Unheard):
            return Gathered(unheard=result.value)
        return Gathered()

    def flush_digits(self) -> None:
        """Throws away the keys that were pressed and not yet collected."""
        _attempt(_media.flush_digits)

    def send_digits(self, digits: str) -> None:
        """Sends digits to the other side; `,` is a pause of 500 ms."""
        _attempt(_media.send_digits, digits)

    def record(
        self,
        prompt: Prompt,
        *,
        language: Optional[str] = None,
        beep: bool = True,
        max_duration: int = 120_000,
        silence: int = 4_000,
        terminators: str = "#",
    ) -> Message:
        """Records what the caller says. silence: so much of it ends the recording; 0: never."""
        options = _media.RecordOptions(_parts(prompt), language, beep, max_duration, silence, terminators)
        return _attempt(_media.record, options)

    def start_recording(self) -> str:
        """Starts recording the call in stereo; returns the recording's id."""
        return _attempt(_media.start_recording)

    def pause_recording(self) -> None:
        """Pauses the recording of the call, for example while a card number is said."""
        _attempt(_media.pause_recording)

    def resume_recording(self) -> None:
        """Goes on with the recording of the call."""
        _attempt(_media.resume_recording)

    def stop_recording(self) -> None:
        """Ends the recording of the call before the call ends."""
        _attempt(_media.stop_recording)

    def discard(self, recording: Union[str, Message]) -> None:
        """Deletes a message or the recording of the call."""
        _attempt(_media.discard_recording, recording if isinstance(recording, str) else recording.id)


def _bytes(data: Union[str, bytes]) -> bytes:
    return data.encode() if isinstance(data, str) else data


class kv:
    """A key-value store that outlives calls. Needs the grant `kv`."""

    @staticmethod
    def get(key: str) -> Optional[bytes]:
        return _attempt(_kv.get, key)

    @staticmethod
    def get_text(key: str) -> Optional[str]:
        value = kv.get(key)
        return None if value is None else value.decode()

    @staticmethod
    def set(key: str, value: Union[str, bytes]) -> None:
        _attempt(_kv.set, key, _bytes(value))

    @staticmethod
    def delete(key: str) -> None:
        _attempt(_kv.delete, key)

    @staticmethod
    def increment(key: str, by: int) -> int:
        """Adds to a counter; returns its new value."""
        return _attempt(_kv.increment, key, by)

    @staticmethod
    def compare_and_swap(
        key: str, expected: Optional[Union[str, bytes]], new: Optional[Union[str, bytes]]
    ) -> bool:
        """Writes `new` (None: deletes) only if it is still `expected` (None: absent). Was it?"""
        optional = [None if data is None else _bytes(data) for data in (expected, new)]
        return _attempt(_kv.compare_and_swap, key, *optional)

    @staticmethod
    def keys(prefix: str, limit: int) -> List[str]:
        """Keys that start with `prefix`, in byte order, at most `limit`."""
        return _attempt(_kv.list_keys, prefix, limit)


class settings:
    """What the operator gives to the flow."""

    @staticmethod
    def get(key: str) -> Optional[str]:
        return _settings.get(key)

    @staticmethod
    def secret(name: str) -> str:
        """A granted secret; it is never logged."""
        return _attempt(_settings.secret, name)


class clock:
    """Time and random numbers come from here; `time` and `random` have none."""

    @staticmethod
    def now() -> int:
        """ms since 1970-01-01T00:00:00Z."""
        return _clock.now()

    @staticmethod
    def local(zone: Optional[str] = None):
        """In an IANA time zone; the server's own when absent. year, month, day, weekday (1 is Monday), hour,
        minute, second, utc_offset_s."""
        return _attempt(_clock.local, zone)

    @staticmethod
    def random() -> int:
        """A number that nobody can guess, 0 to 2^64-1."""
        return _clock.random()


@dataclass(frozen=True)
class Response:
    """An HTTP response."""

    status: int
    headers: List[Tuple[str, str]]
    body: bytes

    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()

    def header(self, name: str) -> Optional[str]:
        """Names are compared without case."""
        found = (value for key, value in self.headers if key.lower() == name.lower())
        return next(found, None)


class http:
    """HTTP requests to hosts that the flow was granted. A response of any status is a success."""

    @staticmethod
    def send(
        method: str,
        url: str,
        *,
        headers: Sequence[Tuple[str, str]] = (),
        body: Union[str, bytes] = b"",
        timeout: int = 5_000,
    ) -> Response:
        request = _http.Request(method, url, list(headers), _bytes(body), timeout)
        response = _attempt(_http.send, request)
        return Response(response.status, response.headers, response.body)

    @staticmethod
    def get(url: str, **options) -> Response:
        return http.send("GET", url, **options)

    @staticmethod
    def post(url: str, body: Union[str, bytes], **options) -> Response:
        return http.send("POST", url, body=body, **options)


def debug(text: str) -> None:
    _log.write(_log.Level.DEBUG, text)


def info(text: str) -> None:
    _log.write(_log.Level.INFO, text)


def warn(text: str) -> None:
    _log.write(_log.Level.WARN, text)


def error(text: str) -> None:
    _log.write(_log.Level.ERROR, text)
