/* A first flow: a menu, and a message. */
#include <string.h>
#include <vireo.h>

static vireo_error leave_message(void) {
    vireo_message message;
    VIREO_TRY(vireo_record((vireo_record_options){.prompt = {"leave-message"}}, &message));
    vireo_info("message %s of %u ms", message.id, message.duration_ms);
    return vireo_play_prompt(VIREO_PROMPT(vireo_file("you-said"), vireo_recording(message.id)),
                             (vireo_play_options){0}, NULL);
}

vireo_error vireo_flow(void) {
    VIREO_TRY(vireo_answer());
    VIREO_TRY(vireo_play("welcome"));

    vireo_gathered choice;
    VIREO_TRY(vireo_gather(
        (vireo_gather_options){
            .prompt = {"menu"},
            .accept = VIREO_ACCEPT("1", "2"),
            .no_match = {"sorry"},
        },
        &choice));
    if (choice.kind != VIREO_DIGITS)
        vireo_info("%s chose nothing", vireo_call()->caller);
    else if (strcmp(choice.digits, "1") == 0)
        VIREO_TRY(vireo_play("opening-hours"));
    else
        VIREO_TRY(leave_message());
    return vireo_play("goodbye");
}
