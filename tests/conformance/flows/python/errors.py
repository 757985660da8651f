"""Errors are told apart, and carry their text."""

import vireo
from vireo import info, kv

NAMES = {
    vireo.Denied: "denied",
    vireo.Invalid: "invalid",
    vireo.NotFound: "not found",
    vireo.WrongState: "wrong state",
    vireo.Failed: "failed",
}


def run(call):
    report(lambda: call.play("missing"))
    report(lambda: kv.set("key", "value"))
    report(call.ring)
    report(lambda: call.gather("menu", max_digits=200))
    report(lambda: call.send_digits("1"))
    raise vireo.Failed("the timetable is empty")


def report(verb):
    try:
        verb()
        info("no error")
    except vireo.HungUp:
        info("hung up")
    except vireo.FlowError as error:
        info(f"{NAMES[type(error)]}: {error}")
