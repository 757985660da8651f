"""Every function of the contract."""

from vireo import (
    ANY_KEY, BargeIn, DateStyle, Gender, Hours, RecordEnd, Refusal, Speech, TypeAhead, UnheardReason, beep, clock,
    debug, error, http, info, kv, recording, say, settings, silence, spoken, text, tone, warn,
)


def run(call):
    the_call(call)
    prompts(call)
    keys(call)
    speech(call)
    recordings(call)
    services()
    call.hangup()
    call.reject(Refusal.CONGESTED)


def or_absent(text):
    return "absent" if text is None else text


def the_call(call):
    about = call.info
    info(f"{about.call_id} {about.flow} {about.version}")
    info(f"{about.trunk} {about.route} {about.language}")
    info(f"{about.caller} {about.called}")
    info(about.caller_name or "no name")
    info(" ".join(about.diverted_by))
    info(f"{about.started_at}")
    info(f"[{or_absent(call.parameter('empty'))}]")
    info(f"[{or_absent(call.parameter('absent'))}]")
    info(" ".join(call.header("X-Colour")))
    call.ring()
    call.early_media()
    call.answer()
    for _ in range(5):
        event = call.wait(1500)
        info(f"key {event.key}" if event.kind == "digit" else event.kind.replace("-", " "))


def prompts(call):
    parts = [
        "menu/welcome",
        recording(call.start_recording()),
        silence(300),
        tone(440, 200),
        tone(350, 1000, second=440, level=-20),
        beep(),
    ]
    key = call.play(parts, language="zh-CN", interrupt_keys=ANY_KEY)
    info("finished" if key is None else f"interrupted by {key}")
    call.play(["goodbye", text("<speak>Grüße, <break/>世界.</speak>")])
    call.play([
        say.number(-21, gender=Gender.FEMININE),
        say.number("3.50"),
        say.ordinal(3, gender=Gender.NEUTER),
        say.digits("407*"),
        say.date(2024, 2, 29),
        say.date(2026, 11, 22, style=DateStyle.WEEKDAY_DAY_MONTH),
        say.time(14, 5),
        say.time(24, 0, hours=Hours.TWENTY_FOUR),
        say.duration(3_661_500),
        say.currency("12.50", "EUR"),
        say.telephone("+49 30 123"),
        say.characters("aé-1"),
    ])
    call.start_playing(["a", "b"])
    call.repeat_playing("music")
    call.stop_playing()


def keys(call):
    show(
        call.gather(
            ["a", silence(20)],
            language="de",
            min_digits=0,
            max_digits=12,
            terminators="*#",
            accept=["1", "9xxx", "00."],
            barge_in=BargeIn.DEAF,
            type_ahead=TypeAhead.FLUSH,
            first_digit_timeout=8_000,
            inter_digit_timeout=1_500,
            attempts=2,
            no_input=["b", "c"],
            no_match="d",
        )
    )
    show(call.gather([], barge_in=BargeIn.OFF))
    show(call.gather("menu", accept=["1", "9xxx"]))
    call.flush_digits()
    call.send_digits("12,#")


def show(gathered):
    if gathered.digits is not None:
        info(f"digits [{gathered.digits}]")
    elif gathered.pressed is not None:
        info(f"no match [{gathered.pressed}]")
    else:
        info("no input")


def speech(call):
    everything = Speech(
        [
            spoken.phrases("sales", ("客服", "service")),
            spoken.digits(2, 4),
            spoken.number(),
            spoken.yes_no(),
            spoken.date(),
            spoken.dictation(),
        ],
        language="zh-CN",
        min_confidence=0.25,
        alternatives=2,
        end_of_speech=900,
        longest=20_000,
        barge_in=0,
    )
    yes_no = Speech([spoken.yes_no()])
    answered(call.gather("ask", attempts=1, speech=everything))
    answered(call.gather("sure", speech=yes_no))
    answered(call.gather("menu", accept=["1"], speech=yes_no))


def answered(gathered):
    if gathered.unheard is not None:
        why = gathered.unheard
        reason = UnheardReason(why.reason).name.lower().replace("_", " ")
        info(f"unheard, {reason}: {why.text} [{why.digits}]")
        return
    how, said = ("said", gathered.said) if gathered.said else ("misheard", gathered.misheard)
    one = lambda it: f"[{it.value}] [{it.text}] {it.confidence * 100:g}"
    others = "".join(f", {one(other)}" for other in said.alternatives)
    info(f"{how} {one(said)} {said.grammar}{others}")


def recordings(call):
    message = call.record(
        "speak", language="fr", beep=False, max_duration=30_000, silence=0, terminators="0123456789*#"
    )
    end = RecordEnd(message.ended_by).name.lower().replace("_", " ")
    info(f"{message.id} {message.duration_ms} {end}")
    call.record("again")
    call.pause_recording()
    call.resume_recording()
    call.stop_recording()
    call.discard(message)


def services():
    value = kv.get("bytes")
    info(f"{len(value)} bytes, the first {value[0]}")
    info("absent" if kv.get("absent") is None else "there")
    kv.set("bytes", bytes([0, 255, 10]))
    kv.set("text", "grün")
    kv.set("empty", "")
    kv.delete("text")
    info(f"{kv.increment('count', -5)}")
    info(str(kv.compare_and_swap("k", None, "a")).lower())
    info(str(kv.compare_and_swap("k", "a", None)).lower())
    info(" ".join(kv.keys("p/", 10)))

    info(or_absent(settings.get("colour")))
    info(or_absent(settings.get("absent")))
    info(f"{len(settings.secret('pin'))}")
    debug('ä "quoted"')
    warn("电话")
    error("")

    info(f"{clock.now()}")
    at(clock.local())
    at(clock.local("Asia/Shanghai"))
    info(f"{clock.random()}")

    response = http.post(
        "http://api.example.com/x",
        '{"a":1}',
        headers=[("content-type", "application/json"), ("x-empty", "")],
        timeout=2_500,
    )
    info(f"{response.status} {response.header('server')} {response.text()}")
    info(f"{http.get('http://api.example.com/').status}")


def at(time):
    parts = [time.year, time.month, time.day, time.weekday, time.hour, time.minute, time.second, time.utc_offset_s]
    info(" ".join(str(part) for part in parts))
