/* The flows of the suite in C; the other languages say the same. */
#include "flows.h"
#include <string.h>

/* For the measurements: so many host calls of one kind. */
static vireo_error bench(void) {
    const char *verb = vireo_setting("verb"), *text = vireo_setting("times");
    int times = 0;
    for (; text && *text; text++)
        times = times * 10 + (*text - '0');
    for (; times > 0; times--) {
        if (strcmp(verb, "now") == 0) {
            vireo_now();
        } else if (strcmp(verb, "play") == 0) {
            VIREO_TRY(vireo_play("welcome"));
        } else if (strcmp(verb, "gather") == 0) {
            vireo_gathered menu;
            VIREO_TRY(vireo_gather((vireo_gather_options){.prompt = {"menu"}, .accept = VIREO_ACCEPT("1", "2")}, &menu));
        } else {
            vireo_event event;
            VIREO_TRY(vireo_wait(60000, &event));
        }
    }
    return VIREO_OK;
}

vireo_error vireo_flow(void) {
    const char *flow = vireo_parameter("flow");
    if (strcmp(flow, "demo") == 0)
        return demo();
    if (strcmp(flow, "errors") == 0)
        return errors();
    if (strcmp(flow, "everything") == 0)
        return everything();
    if (strcmp(flow, "bench") == 0)
        return bench();
    return vireo_fail("no such flow");
}
