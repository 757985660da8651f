/* Every function of the contract. */
#include "flows.h"
#include <string.h>

static const char *or_absent(const char *text) {
    return text ? text : "absent";
}

static const char *joined(vireo_texts texts) {
    const char *all = "";
    for (size_t i = 0; i < texts.count; i++)
        all = vireo_text(i == 0 ? "%s%s" : "%s %s", all, texts.at[i]);
    return all;
}

static vireo_error the_call(void) {
    const vireo_info_t *about = vireo_call();
    vireo_info("%s %s %s", about->call_id, about->flow, about->version);
    vireo_info("%s %s %s", about->trunk, about->route, about->language);
    vireo_info("%s %s", about->caller, about->called);
    vireo_info("%s", about->caller_name ? about->caller_name : "no name");
    vireo_info("%s", joined(about->diverted_by));
    vireo_info("%llu", (unsigned long long)about->started_at_ms);
    vireo_info("[%s]", or_absent(vireo_parameter("empty")));
    vireo_info("[%s]", or_absent(vireo_parameter("absent")));
    vireo_info("%s", joined(vireo_header("X-Colour")));
    VIREO_TRY(vireo_ring());
    VIREO_TRY(vireo_early_media());
    VIREO_TRY(vireo_answer());
    for (int i = 0; i < 5; i++) {
        vireo_event event;
        VIREO_TRY(vireo_wait(1500, &event));
        static const char *const names[] = {"key", "playing finished", "held", "resumed", "timeout"};
        if (event.kind == VIREO_KEY)
            vireo_info("key %c", event.key);
        else
            vireo_info("%s", names[event.kind]);
    }
    return VIREO_OK;
}

static vireo_error values(void) {
    vireo_part number = vireo_say_number(-21);
    number.said.gender = VIREO_FEMININE;
    vireo_part ordinal = vireo_say_ordinal(3);
    ordinal.said.gender = VIREO_NEUTER;
    vireo_part weekday = vireo_say_date(2026, 11, 22);
    weekday.said.style = VIREO_DATE_WEEKDAY_DAY_MONTH;
    vireo_part midnight = vireo_say_time(24, 0);
    midnight.said.hours = VIREO_HOURS_TWENTY_FOUR;
    return vireo_play_prompt(
        VIREO_PROMPT(number, vireo_say_decimal("3.50"), ordinal, vireo_say_digits("407*"),
                     vireo_say_date(2024, 2, 29), weekday, vireo_say_time(14, 5), midnight,
                     vireo_say_duration(3661), vireo_say_currency("12.50", "EUR"),
                     vireo_say_telephone("+49 30 123"), vireo_say_characters("aé-1")),
        (vireo_play_options){0}, NULL);
}

static vireo_error prompts(void) {
    const char *recording;
    VIREO_TRY(vireo_start_recording(&recording));
    vireo_part dial_tone = vireo_tone(350, 1000);
    dial_tone.second_frequency = 440;
    dial_tone.level_dbm0 = -20;
    char key;
    VIREO_TRY(vireo_play_prompt(VIREO_PROMPT(vireo_file("menu/welcome"), vireo_recording(recording), vireo_silence(300),
                                             vireo_tone(440, 200), dial_tone, vireo_beep()),
                                (vireo_play_options){.language = "zh-CN", .interrupt_keys = VIREO_ANY_KEY}, &key));
    if (key)
        vireo_info("interrupted by %c", key);
    else
        vireo_info("finished");
    VIREO_TRY(vireo_play_prompt(
        VIREO_PROMPT(vireo_file("goodbye"), vireo_spoken("<speak>Grüße, <break/>世界.</speak>")), (vireo_play_options){0}, NULL));
    VIREO_TRY(values());
    VIREO_TRY(vireo_start_playing(VIREO_PROMPT(vireo_file("a"), vireo_file("b"))));
    VIREO_TRY(vireo_repeat_playing((vireo_prompt){"music"}));
    return vireo_stop_playing();
}

static void tell(const char *how, const vireo_gathered *gathered) {
    const char *others = "";
    for (size_t i = 0; i < gathered->alternative_count; i++) {
        const vireo_reading *other = &gathered->alternatives[i];
        others = vireo_text("%s, [%s] [%s] %d", others, other->value, other->text, (int)(other->confidence * 100));
    }
    const vireo_reading *said = &gathered->said;
    vireo_info("%s [%s] [%s] %d %d%s", how, said->value, said->text, (int)(said->confidence * 100),
               gathered->grammar, others);
}

static void show(const vireo_gathered *gathered) {
    switch (gathered->kind) {
    case VIREO_DIGITS:
        vireo_info("digits [%s]", gathered->digits);
        break;
    case VIREO_NO_INPUT:
        vireo_info("no input");
        break;
    case VIREO_NO_MATCH:
        vireo_info("no match [%s]", gathered->digits);
        break;
    case VIREO_SPEECH:
        tell("said", gathered);
        break;
    case VIREO_MISHEARD:
        tell("misheard", gathered);
        break;
    case VIREO_UNHEARD: {
        static const char *const reasons[] = {"busy", "no model", "failed"};
        vireo_info("unheard, %s: %s [%s]", reasons[gathered->reason], gathered->why, gathered->digits);
        break;
    }
    }
}

static vireo_error keys(void) {
    vireo_gathered gathered;
    VIREO_TRY(vireo_gather(
        (vireo_gather_options){
            .prompt = VIREO_PROMPT(vireo_file("a"), vireo_silence(20)),
            .language = "de",
            .min_digits = VIREO_NONE,
            .max_digits = 12,
            .terminators = "*#",
            .accept = VIREO_ACCEPT("1", "9xxx", "00."),
            .barge_in = VIREO_BARGE_IN_DEAF,
            .type_ahead = VIREO_TYPE_AHEAD_FLUSH,
            .first_digit_timeout_ms = 8000,
            .inter_digit_timeout_ms = 1500,
            .attempts = 2,
            .no_input = VIREO_PROMPT(vireo_file("b"), vireo_file("c")),
            .no_match = {"d"},
        },
        &gathered));
    show(&gathered);
    VIREO_TRY(vireo_gather((vireo_gather_options){.barge_in = VIREO_BARGE_IN_OFF}, &gathered));
    show(&gathered);
    VIREO_TRY(
        vireo_gather((vireo_gather_options){.prompt = {"menu"}, .accept = VIREO_ACCEPT("1", "9xxx")}, &gathered));
    show(&gathered);
    VIREO_TRY(vireo_flush_digits());
    return vireo_send_digits("12,#");
}

static vireo_error speech(void) {
    const vireo_speech everything = {
        VIREO_GRAMMARS({VIREO_PHRASES, .phrases = VIREO_SAID({"sales", NULL}, {"客服", "service"})},
                       {VIREO_SPOKEN_DIGITS, .min = 2, .max = 4}, {VIREO_NUMBER}, {VIREO_YES_NO}, {VIREO_DATE},
                       {VIREO_DICTATION}),
        .language = "zh-CN",
        .min_confidence = 0.25f,
        .alternatives = 2,
        .end_of_speech_ms = 900,
        .longest_ms = 20000,
        .barge_in_ms = VIREO_NONE,
    };
    const vireo_speech yes_no = {VIREO_GRAMMARS({VIREO_YES_NO})};
    vireo_gathered gathered;
    VIREO_TRY(
        vireo_gather((vireo_gather_options){.prompt = {"ask"}, .attempts = 1, .speech = &everything}, &gathered));
    show(&gathered);
    VIREO_TRY(vireo_gather((vireo_gather_options){.prompt = {"sure"}, .speech = &yes_no}, &gathered));
    show(&gathered);
    VIREO_TRY(vireo_gather(
        (vireo_gather_options){.prompt = {"menu"}, .accept = VIREO_ACCEPT("1"), .speech = &yes_no}, &gathered));
    show(&gathered);
    return VIREO_OK;
}

static vireo_error recordings(void) {
    vireo_message message, again;
    VIREO_TRY(vireo_record(
        (vireo_record_options){
            .prompt = {"speak"},
            .language = "fr",
            .no_beep = true,
            .max_duration_ms = 30000,
            .silence_ms = VIREO_NONE,
            .terminators = "0123456789*#",
        },
        &message));
    static const char *const ends[] = {"terminator", "silence", "max duration", "hung up", "failed"};
    vireo_info("%s %u %s", message.id, message.duration_ms, ends[message.ended_by]);
    VIREO_TRY(vireo_record((vireo_record_options){.prompt = {"again"}}, &again));
    VIREO_TRY(vireo_pause_recording());
    VIREO_TRY(vireo_resume_recording());
    VIREO_TRY(vireo_stop_recording());
    return vireo_discard_recording(message.id);
}

static vireo_error store(void) {
    vireo_bytes value;
    VIREO_TRY(vireo_kv_get("bytes", &value));
    vireo_info("%zu bytes, the first %d", value.length, (unsigned char)value.at[0]);
    VIREO_TRY(vireo_kv_get("absent", &value));
    vireo_info("%s", value.at ? "there" : "absent");
    VIREO_TRY(vireo_kv_set_bytes("bytes", (vireo_bytes){"\0\xff\n", 3}));
    VIREO_TRY(vireo_kv_set("text", "grün"));
    VIREO_TRY(vireo_kv_set("empty", ""));
    VIREO_TRY(vireo_kv_delete("text"));
    int64_t count;
    VIREO_TRY(vireo_kv_increment("count", -5, &count));
    vireo_info("%lld", (long long)count);
    bool swapped;
    vireo_bytes none = {NULL, 0}, a = {"a", 1};
    VIREO_TRY(vireo_kv_compare_and_swap("k", none, a, &swapped));
    vireo_info("%s", swapped ? "true" : "false");
    VIREO_TRY(vireo_kv_compare_and_swap("k", a, none, &swapped));
    vireo_info("%s", swapped ? "true" : "false");
    vireo_texts keys;
    VIREO_TRY(vireo_kv_keys("p/", 10, &keys));
    vireo_info("%s", joined(keys));
    return VIREO_OK;
}

static vireo_error at(const char *zone) {
    vireo_local_time time;
    VIREO_TRY(vireo_local(zone, &time));
    vireo_info("%d %d %d %d %d %d %d %d", time.year, time.month, time.day, time.weekday, time.hour, time.minute,
               time.second, time.utc_offset_s);
    return VIREO_OK;
}

static vireo_error services(void) {
    VIREO_TRY(store());
    vireo_info("%s", or_absent(vireo_setting("colour")));
    vireo_info("%s", or_absent(vireo_setting("absent")));
    const char *pin;
    VIREO_TRY(vireo_secret("pin", &pin));
    vireo_info("%zu", strlen(pin));
    vireo_debug("ä \"quoted\"");
    vireo_warn("电话");
    vireo_alert("%s", "");

    vireo_info("%llu", (unsigned long long)vireo_now());
    VIREO_TRY(at(NULL));
    VIREO_TRY(at("Asia/Shanghai"));
    vireo_info("%llu", (unsigned long long)vireo_random());

    const vireo_pair headers[] = {{"content-type", "application/json"}, {"x-empty", ""}};
    vireo_http_response response;
    VIREO_TRY(vireo_http(
        (vireo_http_request){
            .method = "POST",
            .url = "http://api.example.com/x",
            .headers = headers,
            .header_count = 2,
            .body = {"{\"a\":1}", 7},
            .timeout_ms = 2500,
        },
        &response));
    const char *server = "none";
    for (size_t i = 0; i < response.header_count; i++)
        if (strcmp(response.headers[i].name, "Server") == 0)
            server = response.headers[i].value;
    vireo_info("%d %s %s", response.status, server, response.body.at);
    VIREO_TRY(vireo_http((vireo_http_request){.url = "http://api.example.com/"}, &response));
    vireo_info("%d", response.status);
    return VIREO_OK;
}

vireo_error everything(void) {
    VIREO_TRY(the_call());
    VIREO_TRY(prompts());
    VIREO_TRY(keys());
    VIREO_TRY(speech());
    VIREO_TRY(recordings());
    VIREO_TRY(services());
    vireo_hangup();
    return vireo_reject(VIREO_CONGESTED);
}
