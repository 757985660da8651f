"""A first flow: a menu, and a message."""

from vireo import flow, info, recording


@flow
def main(call):
    call.answer()
    call.play("welcome")
    choice = call.gather("menu", accept=["1", "2"], no_match="sorry")
    if choice.digits == "1":
        call.play("opening-hours")
    elif choice.digits == "2":
        leave_message(call)
    else:
        info(f"{call.caller} chose nothing")
    call.play("goodbye")


def leave_message(call):
    message = call.record("leave-message")
    info(f"message {message.id} of {message.duration_ms} ms")
    call.play(["you-said", recording(message)])
