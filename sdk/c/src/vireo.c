/* vireo.h on top of the generated bindings: text with a NUL, defaults, errors as a number. */
#include <vireo.h>

#include "../bindings/flow.h"
#include "format.h"
#include <stdlib.h>
#include <string.h>

/* Errors ------------------------------------------------------------------------------------- */

static vireo_error last = VIREO_OK;
static const char *last_text = "";

/* Texts from the host end in a NUL, see cabi_realloc; an absent one has no bytes at all. */
static const char *text(flow_string_t from) {
    return from.len == 0 ? "" : (const char *)from.ptr;
}

static flow_string_t contract_text(const char *from) {
    return (flow_string_t){(uint8_t *)from, from ? strlen(from) : 0};
}

static flow_string_t *optional(const char *from, flow_string_t *place) {
    *place = contract_text(from);
    return from ? place : NULL;
}

static flow_option_string_t option(const char *from) {
    return (flow_option_string_t){from != NULL, contract_text(from)};
}

/* What a generated function says: did it work, and if not, why. */
static vireo_error outcome(bool worked, flow_error_t *error) {
    if (worked)
        return VIREO_OK;
    last = (vireo_error)(error->tag + 1); /* the contract's order, behind VIREO_OK */
    last_text = error->tag == VIREO_FLOW_TYPES_ERROR_HUNG_UP ? "" : text(error->val.failed);
    return last;
}

const char *vireo_error_text(void) {
    return last_text;
}

vireo_error vireo_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    last_text = vireo_format(format, arguments);
    va_end(arguments);
    return last = VIREO_FAILED;
}

/* The bindings refer to an object file with the component's type; `vireo build` adds the type. */
void __component_type_object_force_link_flow(void);
void __component_type_object_force_link_flow(void) {}

bool exports_flow_run(flow_error_t *error) {
    vireo_error why = vireo_flow();
    if (why == VIREO_OK)
        return true;
    error->tag = (uint8_t)(why - 1);
    /* The bindings free the text, so it must be one of its own. */
    if (why != VIREO_HUNG_UP)
        flow_string_dup(&error->val.failed, why == last ? last_text : "");
    return false;
}

/* The call ----------------------------------------------------------------------------------- */

/* Memory for so many; of none, NULL. */
static void *many(size_t count, size_t size) {
    void *at = count ? calloc(count, size) : NULL;
    if (count && !at)
        abort();
    return at;
}

static vireo_texts texts(flow_list_string_t list) {
    const char **at = many(list.len, sizeof *at);
    for (size_t i = 0; i < list.len; i++)
        at[i] = text(list.ptr[i]);
    if (list.len)
        free(list.ptr);
    return (vireo_texts){at, list.len};
}

static const vireo_pair *pairs(flow_list_tuple2_string_string_t list) {
    vireo_pair *at = many(list.len, sizeof *at);
    for (size_t i = 0; i < list.len; i++)
        at[i] = (vireo_pair){text(list.ptr[i].f0), text(list.ptr[i].f1)};
    if (list.len)
        free(list.ptr);
    return at;
}

const vireo_info_t *vireo_call(void) {
    static vireo_info_t info;
    static bool known = false;
    if (known)
        return &info;
    vireo_flow_call_info_t from;
    vireo_flow_call_get_info(&from);
    info = (vireo_info_t){
        .call_id = text(from.call_id),
        .flow = text(from.flow),
        .version = text(from.version),
        .trunk = text(from.trunk),
        .route = text(from.route),
        .caller = text(from.caller),
        .caller_name = from.caller_name.is_some ? text(from.caller_name.val) : NULL,
        .called = text(from.called),
        .diverted_by = texts(from.diverted_by),
        .language = text(from.language),
        .parameters = pairs(from.parameters),
        .parameter_count = from.parameters.len,
        .started_at_ms = from.started_at,
    };
    known = true;
    return &info;
}

const char *vireo_parameter(const char *name) {
    const vireo_info_t *info = vireo_call();
    for (size_t i = 0; i < info->parameter_count; i++)
        if (strcmp(info->parameters[i].name, name) == 0)
            return info->parameters[i].value;
    return NULL;
}

vireo_texts vireo_header(const char *name) {
    flow_string_t key = contract_text(name);
    flow_list_string_t values;
    vireo_flow_call_header(&key, &values);
    return texts(values);
}

/* A verb that takes nothing and returns nothing. */
#define PLAIN(ours, generated)                       \
    vireo_error ours(void) {                         \
        flow_error_t error;                          \
        return outcome(generated(&error), &error);   \
    }

PLAIN(vireo_ring, vireo_flow_call_ring)
PLAIN(vireo_early_media, vireo_flow_call_early_media)
PLAIN(vireo_answer, vireo_flow_call_answer)
PLAIN(vireo_stop_playing, vireo_flow_media_stop_playing)
PLAIN(vireo_flush_digits, vireo_flow_media_flush_digits)
PLAIN(vireo_pause_recording, vireo_flow_media_pause_recording)
PLAIN(vireo_resume_recording, vireo_flow_media_resume_recording)
PLAIN(vireo_stop_recording, vireo_flow_media_stop_recording)

void vireo_hangup(void) {
    vireo_flow_call_hangup();
}

vireo_error vireo_reject(vireo_refusal why) {
    flow_error_t error;
    return outcome(vireo_flow_call_reject((uint8_t)why, &error), &error);
}

vireo_error vireo_wait(uint32_t timeout_ms, vireo_event *event) {
    flow_error_t error;
    vireo_flow_call_event_t from;
    VIREO_TRY(outcome(vireo_flow_call_wait(timeout_ms, &from, &error), &error));
    event->kind = (vireo_event_kind)from.tag;
    event->key = event->kind == VIREO_KEY ? (char)from.val.digit : 0;
    return VIREO_OK;
}

/* Prompts ------------------------------------------------------------------------------------ */

vireo_part vireo_file(const char *name) {
    return (vireo_part){.kind = VIREO_FILE, .name = name};
}

vireo_part vireo_recording(const char *id) {
    return (vireo_part){.kind = VIREO_RECORDING, .name = id};
}

vireo_part vireo_spoken(const char *text) {
    return (vireo_part){.kind = VIREO_TEXT, .name = text};
}

vireo_part vireo_silence(uint32_t duration_ms) {
    return (vireo_part){.kind = VIREO_SILENCE, .duration_ms = duration_ms};
}

vireo_part vireo_tone(uint16_t frequency, uint32_t duration_ms) {
    return (vireo_part){.kind = VIREO_TONE, .frequency = frequency, .duration_ms = duration_ms, .level_dbm0 = -12};
}

vireo_part vireo_beep(void) {
    return vireo_tone(1000, 200);
}

static vireo_part say(vireo_said value) {
    return (vireo_part){.kind = VIREO_SAY, .said = value};
}

vireo_part vireo_say_number(int64_t value) {
    return vireo_say_decimal(vireo_text("%lld", (long long)value));
}

vireo_part vireo_say_decimal(const char *value) {
    return say((vireo_said){.kind = VIREO_SAY_NUMBER, .text = value});
}

vireo_part vireo_say_ordinal(uint16_t value) {
    return say((vireo_said){.kind = VIREO_SAY_ORDINAL, .number = value});
}

vireo_part vireo_say_digits(const char *digits) {
    return say((vireo_said){.kind = VIREO_SAY_DIGITS, .text = digits});
}

vireo_part vireo_say_date(uint16_t year, uint8_t month, uint8_t day) {
    return say((vireo_said){.kind = VIREO_SAY_DATE, .year = year, .month = month, .day = day});
}

vireo_part vireo_say_time(uint8_t hour, uint8_t minute) {
    return say((vireo_said){.kind = VIREO_SAY_TIME, .hour = hour, .minute = minute});
}

vireo_part vireo_say_duration(uint32_t seconds) {
    return say((vireo_said){.kind = VIREO_SAY_DURATION, .number = seconds});
}

vireo_part vireo_say_currency(const char *amount, const char *code) {
    return say((vireo_said){.kind = VIREO_SAY_CURRENCY, .text = amount, .currency = code});
}

vireo_part vireo_say_telephone(const char *number) {
    return say((vireo_said){.kind = VIREO_SAY_TELEPHONE, .text = number});
}

vireo_part vireo_say_characters(const char *text) {
    return say((vireo_said){.kind = VIREO_SAY_CHARACTERS, .text = text});
}

static vireo_flow_media_say_as_t contract_say(const vireo_said *said) {
    vireo_flow_media_say_as_t to = {.tag = (uint8_t)said->kind};
    bool has_gender = said->gender != VIREO_NO_GENDER;
    vireo_flow_media_option_gender_t gender = {has_gender, has_gender ? (uint8_t)(said->gender - 1) : 0};
    switch (said->kind) {
    case VIREO_SAY_NUMBER:
        to.val.number = (vireo_flow_media_number_t){contract_text(said->text), gender};
        break;
    case VIREO_SAY_ORDINAL:
        to.val.ordinal = (vireo_flow_media_ordinal_t){(uint16_t)said->number, gender};
        break;
    case VIREO_SAY_DIGITS:
    case VIREO_SAY_TELEPHONE:
    case VIREO_SAY_CHARACTERS:
        to.val.digits = contract_text(said->text);
        break;
    case VIREO_SAY_DATE:
        to.val.date = (vireo_flow_media_date_t){said->year, said->month, said->day, (uint8_t)said->style};
        break;
    case VIREO_SAY_TIME:
        to.val.time = (vireo_flow_media_time_t){said->hour, said->minute, (uint8_t)said->hours};
        break;
    case VIREO_SAY_DURATION:
        to.val.duration = said->number;
        break;
    case VIREO_SAY_CURRENCY:
        to.val.currency = (vireo_flow_media_amount_t){contract_text(said->text), contract_text(said->currency)};
        break;
    }
    return to;
}

static vireo_flow_media_part_t contract_part(const vireo_part *part) {
    vireo_flow_media_part_t to = {.tag = (uint8_t)part->kind};
    switch (part->kind) {
    case VIREO_FILE:
    case VIREO_RECORDING:
    case VIREO_TEXT:
        to.val.file = contract_text(part->name);
        break;
    case VIREO_SILENCE:
        to.val.silence = part->duration_ms;
        break;
    case VIREO_TONE:
        to.val.tone = (vireo_flow_media_tone_t){
            .frequency = part->frequency,
            .second_frequency = {part->second_frequency != 0, part->second_frequency},
            .duration_ms = part->duration_ms,
            .level_dbm0 = part->level_dbm0,
        };
        break;
    case VIREO_SAY:
        to.val.say = contract_say(&part->said);
        break;
    }
    return to;
}

/* A prompt for the contract; `forget` gives it back. */
static vireo_flow_media_list_part_t contract_prompt(vireo_prompt prompt) {
    vireo_part file = vireo_file(prompt.file);
    const vireo_part *parts = prompt.file ? &file : prompt.parts;
    size_t count = prompt.file ? 1 : prompt.count;
    vireo_flow_media_list_part_t list = {many(count, sizeof *list.ptr), count};
    for (size_t i = 0; i < count; i++)
        list.ptr[i] = contract_part(&parts[i]);
    return list;
}

static void forget(vireo_flow_media_list_part_t list) {
    free(list.ptr);
}

vireo_error vireo_play_prompt(vireo_prompt prompt, vireo_play_options options, char *key) {
    vireo_flow_media_list_part_t list = contract_prompt(prompt);
    vireo_flow_media_play_options_t how = {option(options.language), contract_text(options.interrupt_keys)};
    flow_error_t error;
    vireo_flow_media_play_end_t end;
    vireo_error result = outcome(vireo_flow_media_play(&list, &how, &end, &error), &error);
    forget(list);
    if (key)
        *key = result == VIREO_OK && end.tag == VIREO_FLOW_MEDIA_PLAY_END_INTERRUPTED ? (char)end.val.interrupted : 0;
    return result;
}

vireo_error vireo_play(const char *file) {
    return vireo_play_prompt((vireo_prompt){.file = file}, (vireo_play_options){0}, NULL);
}

static vireo_error start_playing(vireo_prompt prompt, bool repeat) {
    vireo_flow_media_list_part_t list = contract_prompt(prompt);
    flow_error_t error;
    vireo_error result = outcome(vireo_flow_media_start_playing(&list, NULL, repeat, &error), &error);
    forget(list);
    return result;
}

vireo_error vireo_start_playing(vireo_prompt prompt) {
    return start_playing(prompt, false);
}

vireo_error vireo_repeat_playing(vireo_prompt prompt) {
    return start_playing(prompt, true);
}

/* Keys --------------------------------------------------------------------------------------- */

enum { MOST_DIGITS = 64 };

/* The most digits that an entry of `accept` can have. */
static int longest(const char *const *accept) {
    size_t most = 0;
    if (!accept || !accept[0])
        return MOST_DIGITS;
    for (; *accept; accept++) {
        size_t length = strlen(*accept);
        if (length > MOST_DIGITS || (length > 0 && (*accept)[length - 1] == '.'))
            return MOST_DIGITS;
        if (length > most)
            most = length;
    }
    return most ? (int)most : 1;
}

static flow_list_string_t contract_texts(const char *const *from) {
    size_t count = 0;
    while (from && from[count])
        count++;
    flow_list_string_t list = {many(count, sizeof *list.ptr), count};
    for (size_t i = 0; i < count; i++)
        list.ptr[i] = contract_text(from[i]);
    return list;
}

/* What is out of the contract's range stays out of it, so that the server names it. */
static uint8_t small(int number) {
    return number < 0 ? 0 : number > 255 ? 255 : (uint8_t)number;
}

static vireo_flow_media_grammar_t contract_grammar(const vireo_grammar *from) {
    vireo_flow_media_grammar_t grammar = {.tag = (uint8_t)from->kind};
    if (from->kind == VIREO_SPOKEN_DIGITS) {
        grammar.val.digits = (vireo_flow_media_digit_count_t){small(from->min), small(from->max)};
    } else if (from->kind == VIREO_PHRASES) {
        size_t count = 0;
        while (from->phrases && from->phrases[count].text)
            count++;
        grammar.val.phrases.ptr = many(count, sizeof *grammar.val.phrases.ptr);
        grammar.val.phrases.len = count;
        for (size_t i = 0; i < count; i++)
            grammar.val.phrases.ptr[i] = (vireo_flow_media_phrase_t){
                contract_text(from->phrases[i].text), option(from->phrases[i].value)};
    }
    return grammar;
}

static vireo_flow_media_option_speech_options_t contract_speech(const vireo_speech *from) {
    vireo_flow_media_option_speech_options_t speech = {.is_some = from != NULL};
    if (!from)
        return speech;
    speech.val = (vireo_flow_media_speech_options_t){
        .grammars = {many(from->grammar_count, sizeof *speech.val.grammars.ptr), from->grammar_count},
        .language = option(from->language),
        .min_confidence = from->min_confidence > 0 ? from->min_confidence : 0.5f,
        .alternatives = small(from->alternatives),
        .end_of_speech_ms = from->end_of_speech_ms ? from->end_of_speech_ms : 700,
        .longest_ms = from->longest_ms ? from->longest_ms : 10000,
        .barge_in_ms = from->barge_in_ms == 0  ? 300
                       : from->barge_in_ms < 0 ? 0
                                               : (uint32_t)from->barge_in_ms,
    };
    for (size_t i = 0; i < from->grammar_count; i++)
        speech.val.grammars.ptr[i] = contract_grammar(&from->grammars[i]);
    return speech;
}

static void forget_speech(vireo_flow_media_option_speech_options_t speech) {
    if (!speech.is_some)
        return;
    for (size_t i = 0; i < speech.val.grammars.len; i++)
        if (speech.val.grammars.ptr[i].tag == VIREO_PHRASES)
            free(speech.val.grammars.ptr[i].val.phrases.ptr);
    free(speech.val.grammars.ptr);
}

static void take_recognition(const vireo_flow_media_recognition_t *from, vireo_gathered *gathered) {
    gathered->said = (vireo_reading){text(from->value), text(from->text), from->confidence};
    gathered->grammar = from->grammar;
    vireo_reading *others = many(from->alternatives.len, sizeof *others);
    for (size_t i = 0; i < from->alternatives.len; i++) {
        const vireo_flow_media_alternative_t *other = &from->alternatives.ptr[i];
        others[i] = (vireo_reading){text(other->value), text(other->text), other->confidence};
    }
    gathered->alternatives = others;
    gathered->alternative_count = from->alternatives.len;
}

static void take_gathered(const vireo_flow_media_gather_result_t *from, vireo_gathered *gathered) {
    *gathered = (vireo_gathered){.kind = (vireo_gathered_kind)from->tag, .digits = "", .why = ""};
    gathered->said = (vireo_reading){"", "", 0};
    switch (gathered->kind) {
    case VIREO_DIGITS:
    case VIREO_NO_MATCH:
        gathered->digits = text(from->val.digits);
        break;
    case VIREO_NO_INPUT:
        break;
    case VIREO_SPEECH:
    case VIREO_MISHEARD:
        take_recognition(&from->val.speech, gathered);
        break;
    case VIREO_UNHEARD:
        gathered->digits = text(from->val.unheard.digits);
        gathered->reason = (vireo_unheard_reason)from->val.unheard.reason;
        gathered->why = text(from->val.unheard.text);
        break;
    }
}

vireo_error vireo_gather(vireo_gather_options options, vireo_gathered *gathered) {
    int most = options.max_digits ? options.max_digits : longest(options.accept);
    const char *terminators = options.terminators ? options.terminators : most == 1 ? "" : "#";
    vireo_flow_media_gather_options_t how = {
        .prompt = contract_prompt(options.prompt),
        .language = option(options.language),
        .min_digits = options.min_digits ? small(options.min_digits) : 1,
        .max_digits = small(most),
        .terminators = contract_text(terminators),
        .accept = contract_texts(options.accept),
        .barge_in = (uint8_t)options.barge_in,
        .type_ahead = (uint8_t)options.type_ahead,
        .first_digit_timeout_ms = options.first_digit_timeout_ms ? options.first_digit_timeout_ms : 5000,
        .inter_digit_timeout_ms = options.inter_digit_timeout_ms ? options.inter_digit_timeout_ms : 3000,
        .attempts = options.attempts ? small(options.attempts) : 3,
        .no_input_prompt = contract_prompt(options.no_input),
        .no_match_prompt = contract_prompt(options.no_match),
        .speech = contract_speech(options.speech),
    };
    flow_error_t error;
    vireo_flow_media_gather_result_t result;
    vireo_error why = outcome(vireo_flow_media_gather(&how, &result, &error), &error);
    forget(how.prompt);
    forget(how.no_input_prompt);
    forget(how.no_match_prompt);
    free(how.accept.ptr);
    forget_speech(how.speech);
    if (why != VIREO_OK)
        return why;
    take_gathered(&result, gathered);
    return VIREO_OK;
}

vireo_error vireo_send_digits(const char *digits) {
    flow_string_t keys = contract_text(digits);
    flow_error_t error;
    return outcome(vireo_flow_media_send_digits(&keys, &error), &error);
}

/* Recording ---------------------------------------------------------------------------------- */

vireo_error vireo_record(vireo_record_options options, vireo_message *message) {
    vireo_flow_media_record_options_t how = {
        .prompt = contract_prompt(options.prompt),
        .language = option(options.language),
        .beep = !options.no_beep,
        .max_duration_ms = options.max_duration_ms ? options.max_duration_ms : 120000,
        .silence_ms = options.silence_ms == 0 ? 4000 : options.silence_ms < 0 ? 0 : (uint32_t)options.silence_ms,
        .terminators = contract_text(options.terminators ? options.terminators : "#"),
    };
    flow_error_t error;
    vireo_flow_media_message_t from;
    vireo_error why = outcome(vireo_flow_media_record(&how, &from, &error), &error);
    forget(how.prompt);
    if (why == VIREO_OK)
        *message = (vireo_message){text(from.id), from.duration_ms, (vireo_record_end)from.ended_by};
    return why;
}

vireo_error vireo_start_recording(const char **id) {
    flow_error_t error;
    flow_string_t from;
    VIREO_TRY(outcome(vireo_flow_media_start_recording(&from, &error), &error));
    if (id)
        *id = text(from);
    return VIREO_OK;
}

vireo_error vireo_discard_recording(const char *id) {
    flow_string_t name = contract_text(id);
    flow_error_t error;
    return outcome(vireo_flow_media_discard_recording(&name, &error), &error);
}

/* Services ----------------------------------------------------------------------------------- */

static flow_list_u8_t contract_bytes(vireo_bytes from) {
    return (flow_list_u8_t){(uint8_t *)from.at, from.length};
}

/* Bytes that are there: of an empty value, too, `at` is not NULL. */
static vireo_bytes bytes(flow_list_u8_t from) {
    return (vireo_bytes){from.len == 0 ? "" : (const char *)from.ptr, from.len};
}

vireo_error vireo_kv_get(const char *key, vireo_bytes *value) {
    flow_string_t name = contract_text(key);
    flow_error_t error;
    flow_option_list_u8_t from;
    VIREO_TRY(outcome(vireo_flow_kv_get(&name, &from, &error), &error));
    *value = from.is_some ? bytes(from.val) : (vireo_bytes){NULL, 0};
    return VIREO_OK;
}

vireo_error vireo_kv_set_bytes(const char *key, vireo_bytes value) {
    flow_string_t name = contract_text(key);
    flow_list_u8_t to = contract_bytes(value);
    flow_error_t error;
    return outcome(vireo_flow_kv_set(&name, &to, &error), &error);
}

vireo_error vireo_kv_set(const char *key, const char *value) {
    return vireo_kv_set_bytes(key, (vireo_bytes){value, strlen(value)});
}

vireo_error vireo_kv_delete(const char *key) {
    flow_string_t name = contract_text(key);
    flow_error_t error;
    return outcome(vireo_flow_kv_delete(&name, &error), &error);
}

vireo_error vireo_kv_increment(const char *key, int64_t by, int64_t *sum) {
    flow_string_t name = contract_text(key);
    flow_error_t error;
    int64_t ignored;
    return outcome(vireo_flow_kv_increment(&name, by, sum ? sum : &ignored, &error), &error);
}

vireo_error vireo_kv_compare_and_swap(const char *key, vireo_bytes expected, vireo_bytes new_value, bool *swapped) {
    flow_string_t name = contract_text(key);
    flow_list_u8_t was = contract_bytes(expected), is = contract_bytes(new_value);
    flow_error_t error;
    return outcome(vireo_flow_kv_compare_and_swap(&name, expected.at ? &was : NULL, new_value.at ? &is : NULL,
                                                  swapped, &error),
                   &error);
}

vireo_error vireo_kv_keys(const char *prefix, uint32_t limit, vireo_texts *keys) {
    flow_string_t start = contract_text(prefix);
    flow_error_t error;
    flow_list_string_t from;
    VIREO_TRY(outcome(vireo_flow_kv_list_keys(&start, limit, &from, &error), &error));
    *keys = texts(from);
    return VIREO_OK;
}

const char *vireo_setting(const char *key) {
    flow_string_t name = contract_text(key), value;
    return vireo_flow_settings_get(&name, &value) ? text(value) : NULL;
}

vireo_error vireo_secret(const char *name, const char **value) {
    flow_string_t wanted = contract_text(name), from;
    flow_error_t error;
    VIREO_TRY(outcome(vireo_flow_settings_secret(&wanted, &from, &error), &error));
    *value = text(from);
    return VIREO_OK;
}

void vireo_log(vireo_level level, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *line = vireo_format(format, arguments);
    va_end(arguments);
    flow_string_t message = contract_text(line);
    vireo_flow_log_write((uint8_t)level, &message);
    free((void *)line);
}

const char *vireo_text(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *made = vireo_format(format, arguments);
    va_end(arguments);
    return made;
}

uint64_t vireo_now(void) {
    return vireo_flow_clock_now();
}

uint64_t vireo_random(void) {
    return vireo_flow_clock_random();
}

vireo_error vireo_local(const char *zone, vireo_local_time *time) {
    flow_string_t name;
    flow_error_t error;
    vireo_flow_clock_local_time_t from;
    VIREO_TRY(outcome(vireo_flow_clock_local(optional(zone, &name), &from, &error), &error));
    *time = (vireo_local_time){from.year, from.month,  from.day,    from.weekday,
                               from.hour, from.minute, from.second, from.utc_offset_s};
    return VIREO_OK;
}

vireo_error vireo_http(vireo_http_request request, vireo_http_response *response) {
    flow_list_tuple2_string_string_t headers = {many(request.header_count, sizeof *headers.ptr), request.header_count};
    for (size_t i = 0; i < headers.len; i++)
        headers.ptr[i] = (flow_tuple2_string_string_t){contract_text(request.headers[i].name),
                                                       contract_text(request.headers[i].value)};
    vireo_flow_http_request_t to = {
        .method = contract_text(request.method ? request.method : "GET"),
        .url = contract_text(request.url),
        .headers = headers,
        .body = contract_bytes(request.body),
        .timeout_ms = request.timeout_ms ? request.timeout_ms : 5000,
    };
    flow_error_t error;
    vireo_flow_http_response_t from;
    vireo_error why = outcome(vireo_flow_http_send(&to, &from, &error), &error);
    free(headers.ptr);
    if (why == VIREO_OK)
        *response = (vireo_http_response){from.status, pairs(from.headers), from.headers.len, bytes(from.body)};
    return why;
}
