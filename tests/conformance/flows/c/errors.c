/* Errors are told apart, and carry their text. */
#include "flows.h"

static void report(vireo_error error) {
    static const char *const names[] = {"no error",  "hung up",     "denied", "invalid",
                                        "not found", "wrong state", "failed"};
    if (error == VIREO_OK || error == VIREO_HUNG_UP)
        vireo_info("%s", names[error]);
    else
        vireo_info("%s: %s", names[error], vireo_error_text());
}

vireo_error errors(void) {
    vireo_gathered ignored;
    report(vireo_play("missing"));
    report(vireo_kv_set("key", "value"));
    report(vireo_ring());
    report(vireo_gather((vireo_gather_options){.prompt = {"menu"}, .max_digits = 200}, &ignored));
    report(vireo_send_digits("1"));
    return vireo_fail("the timetable is %s", "empty");
}
