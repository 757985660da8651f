"""An information line: opening hours, a balance, a message for the office."""

from vireo import info, kv, recording, say, settings


def run(call):
    call.answer()
    recorded = call.start_recording()
    number = kv.increment("calls", 1)
    info(f"call {number} from {call.caller}, recorded as {recorded}")
    info(f"this is {settings.get('office') or 'the office'}")

    call.play("demo/welcome")
    while main_menu(call):
        pass
    call.play("demo/goodbye")


def main_menu(call):
    """Is the menu to be heard again?"""
    choice = choose(call, "demo/menu", ["1", "2", "3", "0"])
    if choice is None:
        return False
    kv.set("last-choice", choice)
    if choice == "1":
        call.play("demo/opening-hours")
    elif choice == "2":
        balance(call)
    elif choice == "3":
        leave_message(call)
        return False
    else:
        call.play("demo/operator")
    return True


def balance(call):
    number = call.gather(
        "demo/enter-number",
        min_digits=4,
        max_digits=8,
        first_digit_timeout=6_000,
        attempts=2,
        no_match="demo/no-match",
    ).digits
    if number is None:
        return
    amount = kv.get_text(f"balance/{number}")
    if amount is None:
        call.play("demo/no-such-number")
    else:
        call.play(["demo/balance", say.number(amount)])


def leave_message(call):
    while True:
        message = call.record("demo/leave-message", max_duration=60_000, silence=3_000)
        info(f"message {message.id} of {message.duration_ms} ms")
        if keep(call, message):
            break
        call.discard(message)
    kv.increment("messages", 1)
    call.play("demo/message-kept")


def keep(call, message):
    """Is the caller content with the message? A caller who says nothing about it is."""
    while True:
        choice = choose(call, "demo/keep-message", ["1", "2", "3"])
        if choice != "2":
            return choice != "3"
        call.play(["demo/you-said", recording(message)])


def choose(call, menu, keys):
    """Asks three times at most; None when the caller chose nothing that is on the menu."""
    gathered = call.gather(menu, accept=keys, no_input="demo/no-input", no_match="demo/no-match")
    if gathered.pressed is not None:
        info(f"{menu}: {gathered.pressed} is not on the menu")
    return gathered.digits
