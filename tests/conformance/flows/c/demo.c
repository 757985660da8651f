/* An information line: opening hours, a balance, a message for the office. */
#include "flows.h"
#include <string.h>

/* Asks three times at most; NULL when the caller chose nothing that is on the menu. */
static vireo_error choose(const char *menu, const char *const *keys, const char **choice) {
    vireo_gathered gathered;
    VIREO_TRY(vireo_gather(
        (vireo_gather_options){
            .prompt = {menu},
            .accept = keys,
            .no_input = {"demo/no-input"},
            .no_match = {"demo/no-match"},
        },
        &gathered));
    if (gathered.kind == VIREO_NO_MATCH)
        vireo_info("%s: %s is not on the menu", menu, gathered.digits);
    *choice = gathered.kind == VIREO_DIGITS ? gathered.digits : NULL;
    return VIREO_OK;
}

static vireo_error balance(void) {
    vireo_gathered entered;
    VIREO_TRY(vireo_gather(
        (vireo_gather_options){
            .prompt = {"demo/enter-number"},
            .min_digits = 4,
            .max_digits = 8,
            .first_digit_timeout_ms = 6000,
            .attempts = 2,
            .no_match = {"demo/no-match"},
        },
        &entered));
    if (entered.kind != VIREO_DIGITS)
        return VIREO_OK;
    vireo_bytes amount;
    VIREO_TRY(vireo_kv_get(vireo_text("balance/%s", entered.digits), &amount));
    if (!amount.at)
        return vireo_play("demo/no-such-number");
    return vireo_play_prompt(VIREO_PROMPT(vireo_file("demo/balance"), vireo_say_decimal(amount.at)),
                             (vireo_play_options){0}, NULL);
}

/* Is the caller content with the message? A caller who says nothing about it is. */
static vireo_error keep(const vireo_message *message, bool *kept) {
    for (;;) {
        const char *choice;
        VIREO_TRY(choose("demo/keep-message", VIREO_ACCEPT("1", "2", "3"), &choice));
        *kept = !choice || strcmp(choice, "3") != 0;
        if (!choice || strcmp(choice, "2") != 0)
            return VIREO_OK;
        VIREO_TRY(vireo_play_prompt(VIREO_PROMPT(vireo_file("demo/you-said"), vireo_recording(message->id)),
                                    (vireo_play_options){0}, NULL));
    }
}

static vireo_error leave_message(void) {
    for (;;) {
        vireo_message message;
        VIREO_TRY(vireo_record(
            (vireo_record_options){.prompt = {"demo/leave-message"}, .max_duration_ms = 60000, .silence_ms = 3000},
            &message));
        vireo_info("message %s of %u ms", message.id, message.duration_ms);
        bool kept;
        VIREO_TRY(keep(&message, &kept));
        if (kept) {
            VIREO_TRY(vireo_kv_increment("messages", 1, NULL));
            return vireo_play("demo/message-kept");
        }
        VIREO_TRY(vireo_discard_recording(message.id));
    }
}

/* Is the menu to be heard again? */
static vireo_error main_menu(bool *again) {
    const char *choice;
    *again = false;
    VIREO_TRY(choose("demo/menu", VIREO_ACCEPT("1", "2", "3", "0"), &choice));
    if (!choice)
        return VIREO_OK;
    VIREO_TRY(vireo_kv_set("last-choice", choice));
    *again = *choice != '3';
    switch (*choice) {
    case '1':
        return vireo_play("demo/opening-hours");
    case '2':
        return balance();
    case '3':
        return leave_message();
    default:
        return vireo_play("demo/operator");
    }
}

vireo_error demo(void) {
    VIREO_TRY(vireo_answer());
    const char *recording;
    VIREO_TRY(vireo_start_recording(&recording));
    int64_t number;
    VIREO_TRY(vireo_kv_increment("calls", 1, &number));
    vireo_info("call %lld from %s, recorded as %s", (long long)number, vireo_call()->caller, recording);
    const char *office = vireo_setting("office");
    vireo_info("this is %s", office ? office : "the office");

    VIREO_TRY(vireo_play("demo/welcome"));
    bool again = true;
    while (again)
        VIREO_TRY(main_menu(&again));
    return vireo_play("demo/goodbye");
}
