"""The flows of the suite in Python; the other languages say the same."""

import demo
import errors
import everything
from vireo import Failed, clock, flow, settings


@flow
def main(call):
    flows = {"demo": demo.run, "errors": errors.run, "everything": everything.run, "bench": bench}
    chosen = flows.get(call.parameter("flow"))
    if chosen is None:
        raise Failed("no such flow")
    chosen(call)


def bench(call):
    """For the measurements: so many host calls of one kind."""
    verbs = {
        "now": clock.now,
        "play": lambda: call.play("welcome"),
        "gather": lambda: call.gather("menu", accept=["1", "2"]),
        "wait": lambda: call.wait(60_000),
    }
    verb = verbs[settings.get("verb")]
    for _ in range(int(settings.get("times"))):
        verb()
