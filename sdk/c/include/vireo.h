/* Write an IVR flow for Vireo in C or C++.
 *
 *     #include <vireo.h>
 *
 *     vireo_error vireo_flow(void) {
 *         VIREO_TRY(vireo_answer());
 *         VIREO_TRY(vireo_play("welcome"));
 *         return VIREO_OK;
 *     }
 *
 * A flow reads from top to bottom; every verb blocks until it is done, and returns VIREO_OK or why it
 * could not do its work. VIREO_TRY hands that on, so that VIREO_HUNG_UP ends the flow.
 *
 * Options are structures written with designated initialisers (C99, C++20); what is left out is the
 * default that stands beside it. Texts are UTF-8 and end in a NUL. What a verb returns lives until the
 * call ends: one instance of a flow serves one call. A flow that asks for thousands of texts gives
 * them back with `free`.
 *
 * The contract with all ranges is sdk/wit; the order of events in a gather is the table there. */
#ifndef VIREO_H
#define VIREO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Errors ------------------------------------------------------------------------------------- */

/* Why a verb could not do its work. */
typedef enum vireo_error {
    VIREO_OK = 0,
    VIREO_HUNG_UP,     /* the call is over; a flow that returns this has ended normally */
    VIREO_DENIED,      /* not granted in the server's configuration; the text names the grant */
    VIREO_INVALID,     /* an argument is out of range; the text names it */
    VIREO_NOT_FOUND,   /* there is no prompt, recording or secret of that name */
    VIREO_WRONG_STATE, /* the verb does not fit the state of the call: ring after answer */
    VIREO_FAILED,      /* it was tried and did not work */
} vireo_error;

/* The text of the last error; "" when there was none. */
const char *vireo_error_text(void);

/* An error of the flow's own, with its text: return vireo_fail("the timetable is empty"); */
vireo_error vireo_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Hands an error on to the caller of this function. */
#define VIREO_TRY(verb)                         \
    do {                                        \
        vireo_error vireo_error_ = (verb);      \
        if (vireo_error_ != VIREO_OK)           \
            return vireo_error_;                \
    } while (0)

/* The flow: you write it. Returning ends the call. An error other than VIREO_HUNG_UP is a failure of
 * the flow: the operator sees it, and the caller hears the server's apology. */
vireo_error vireo_flow(void);

/* The call ----------------------------------------------------------------------------------- */

typedef struct vireo_pair {
    const char *name;
    const char *value;
} vireo_pair;

typedef struct vireo_texts {
    const char **at;
    size_t count;
} vireo_texts;

/* What is known of the call. It does not change during the call. */
typedef struct vireo_info_t {
    const char *call_id;     /* as in the CDR, the journal and the log */
    const char *flow;        /* the flow's name */
    const char *version;     /* SHA-256 of the component, 64 lower-case hex digits */
    const char *trunk;       /* the trunk that the call came in on */
    const char *route;       /* the route that chose this flow */
    const char *caller;      /* calling number or SIP user; "" when withheld */
    const char *caller_name; /* NULL when none was sent */
    const char *called;      /* called number or SIP user */
    vireo_texts diverted_by; /* nearest first */
    const char *language;    /* BCP 47 tag of the route */
    const vireo_pair *parameters;
    size_t parameter_count;
    uint64_t started_at_ms; /* since 1970-01-01T00:00:00Z */
} vireo_info_t;

const vireo_info_t *vireo_call(void);
const char *vireo_parameter(const char *name); /* of the route; NULL when it has none of that name */
vireo_texts vireo_header(const char *name);    /* values of a header of the INVITE, in order */

vireo_error vireo_ring(void);        /* 180 Ringing; only before the answer */
vireo_error vireo_early_media(void); /* prompts before the answer, without charge */
vireo_error vireo_answer(void);      /* playing, gathering and recording do it by themselves */
void vireo_hangup(void);             /* later verbs return VIREO_HUNG_UP; returning does the same */

typedef enum vireo_refusal {
    VIREO_BUSY,          /* 486 */
    VIREO_DECLINE,       /* 603 */
    VIREO_NO_SUCH_PARTY, /* 404 */
    VIREO_UNAVAILABLE,   /* 480 */
    VIREO_FORBIDDEN,     /* 403 */
    VIREO_CONGESTED,     /* 503 */
} vireo_refusal;

vireo_error vireo_reject(vireo_refusal why); /* only before the answer; the call is then over */

typedef enum vireo_event_kind {
    VIREO_KEY,
    VIREO_PLAYING_FINISHED,
    VIREO_HELD,
    VIREO_RESUMED,
    VIREO_TIMEOUT,
} vireo_event_kind;

typedef struct vireo_event {
    vireo_event_kind kind;
    char key; /* of VIREO_KEY: one of 0123456789*#ABCD */
} vireo_event;

/* The next event, at the most so many milliseconds (to 24 hours) from now. */
vireo_error vireo_wait(uint32_t timeout_ms, vireo_event *event);

/* Prompts ------------------------------------------------------------------------------------ */

typedef enum vireo_part_kind {
    VIREO_FILE,
    VIREO_RECORDING,
    VIREO_SILENCE,
    VIREO_TONE,
    VIREO_SAY,
    VIREO_TEXT,
} vireo_part_kind;

typedef enum vireo_say_kind {
    VIREO_SAY_NUMBER,
    VIREO_SAY_ORDINAL,
    VIREO_SAY_DIGITS,
    VIREO_SAY_DATE,
    VIREO_SAY_TIME,
    VIREO_SAY_DURATION,
    VIREO_SAY_CURRENCY,
    VIREO_SAY_TELEPHONE,
    VIREO_SAY_CHARACTERS,
} vireo_say_kind;

/* Of the noun that a number or an ordinal goes with. */
typedef enum vireo_gender { VIREO_NO_GENDER, VIREO_MASCULINE, VIREO_FEMININE, VIREO_NEUTER } vireo_gender;

/* Which parts of a date are said. */
typedef enum vireo_date_style {
    VIREO_DATE_FULL, /* day, month and year */
    VIREO_DATE_DAY_MONTH,
    VIREO_DATE_WEEKDAY_DAY_MONTH,
    VIREO_DATE_WEEKDAY_FULL, /* weekday, day, month and year */
} vireo_date_style;

/* How the hours of a time are counted: as the language does, or 0 to 24. */
typedef enum vireo_hours { VIREO_HOURS_USUAL, VIREO_HOURS_TWENTY_FOUR } vireo_hours;

/* A value that is said in words. */
typedef struct vireo_said {
    vireo_say_kind kind;
    const char *text;     /* number, digits, amount, telephone, characters */
    const char *currency; /* ISO 4217 */
    uint32_t number;      /* ordinal, seconds of a duration */
    vireo_gender gender;  /* of a number, of an ordinal */
    uint16_t year;
    uint8_t month, day; /* from 1 */
    uint8_t hour, minute;
    vireo_date_style style;
    vireo_hours hours;
} vireo_said;

/* A piece of a prompt; the functions below make them. */
typedef struct vireo_part {
    vireo_part_kind kind;
    const char *name;     /* file, recording; what a text says */
    uint32_t duration_ms; /* silence, tone */
    uint16_t frequency, second_frequency;
    int8_t level_dbm0;
    vireo_said said;
} vireo_part;

vireo_part vireo_file(const char *name);              /* "menu/welcome", without language and suffix */
vireo_part vireo_recording(const char *id);           /* one that this call made */
vireo_part vireo_spoken(const char *text);            /* by a voice: plain, or SSML that begins with <speak */
vireo_part vireo_silence(uint32_t duration_ms);       /* 1 to 60,000 ms */
vireo_part vireo_tone(uint16_t frequency, uint32_t duration_ms); /* Hz, at -12 dBm0 */
vireo_part vireo_beep(void);                          /* 1000 Hz, 200 ms */

/* Values in words, by the grammar of the prompt's language. Set .said.gender, .said.style or
 * .said.hours of the part where it matters. */
vireo_part vireo_say_number(int64_t value);             /* "twenty one" */
vireo_part vireo_say_decimal(const char *value);        /* "-12.5" */
vireo_part vireo_say_ordinal(uint16_t value);           /* "third": 1 to 999 */
vireo_part vireo_say_digits(const char *digits);        /* one by one */
vireo_part vireo_say_date(uint16_t year, uint8_t month, uint8_t day);
vireo_part vireo_say_time(uint8_t hour, uint8_t minute); /* 0:00 to 24:00 */
vireo_part vireo_say_duration(uint32_t seconds);        /* days, hours, minutes and seconds */
vireo_part vireo_say_currency(const char *amount, const char *code); /* "12.50", "EUR" */
vireo_part vireo_say_telephone(const char *number);     /* with pauses between its groups */
vireo_part vireo_say_characters(const char *text);      /* letters, digits, . @ - _ / + * # */

/* What the caller hears, without gaps: {"menu"} is one file, VIREO_PROMPT(...) a list of parts. */
typedef struct vireo_prompt {
    const char *file;
    const vireo_part *parts;
    size_t count;
} vireo_prompt;

vireo_error vireo_play(const char *file); /* to its end; keys meanwhile stay in the type-ahead buffer */

typedef struct vireo_play_options {
    const char *language;       /* BCP 47; the call's own */
    const char *interrupt_keys; /* keys that cut the prompt short; none */
} vireo_play_options;

#define VIREO_ANY_KEY "0123456789*#ABCD"

/* `key` (may be NULL) is the key that cut the prompt short, or 0. */
vireo_error vireo_play_prompt(vireo_prompt prompt, vireo_play_options options, char *key);

vireo_error vireo_start_playing(vireo_prompt prompt);  /* returns at once; vireo_wait tells its end */
vireo_error vireo_repeat_playing(vireo_prompt prompt); /* again and again, until vireo_stop_playing */
vireo_error vireo_stop_playing(void);

/* Keys --------------------------------------------------------------------------------------- */

enum { VIREO_NONE = -1 }; /* for an option: 0, where 0 stands for the default */

typedef enum vireo_barge_in { VIREO_BARGE_IN_ON, VIREO_BARGE_IN_OFF, VIREO_BARGE_IN_DEAF } vireo_barge_in;
typedef enum vireo_type_ahead { VIREO_TYPE_AHEAD_KEEP, VIREO_TYPE_AHEAD_FLUSH } vireo_type_ahead;

/* What the caller may say: one grammar of a kind, as the fields below it are needed. */
typedef enum vireo_grammar_kind {
    VIREO_PHRASES,   /* one of `phrases` */
    VIREO_SPOKEN_DIGITS, /* `min` to `max` digits, one by one: "0421" */
    VIREO_NUMBER,    /* "-12.5" */
    VIREO_YES_NO,    /* "yes", "no" */
    VIREO_DATE,      /* "2026-11-22" */
    VIREO_DICTATION  /* anything, where the language's model can do that */
} vireo_grammar_kind;

typedef struct vireo_phrase {
    const char *text;  /* the words */
    const char *value; /* what the flow gets for them; the text */
} vireo_phrase;

typedef struct vireo_grammar {
    vireo_grammar_kind kind;
    const vireo_phrase *phrases; /* VIREO_SAID({"sales"}, {"the boss", "management"}) */
    int min, max;                /* 1 to 32 */
} vireo_grammar;

/* A list of phrases, and of grammars: both first fields of a vireo_speech. */
#define VIREO_SAID(...) ((const vireo_phrase[]){__VA_ARGS__, {NULL, NULL}})
#define VIREO_GRAMMARS(...) ((const vireo_grammar[]){__VA_ARGS__}), \
    sizeof((const vireo_grammar[]){__VA_ARGS__}) / sizeof(vireo_grammar)

typedef struct vireo_speech {
    const vireo_grammar *grammars; /* 1 to 16 */
    size_t grammar_count;
    const char *language;      /* BCP 47, what the caller speaks; the gather's */
    float min_confidence;      /* 0.5; below, it is misheard */
    int alternatives;          /* other readings told, at most; none */
    uint32_t end_of_speech_ms; /* silence that ends it, 700 */
    uint32_t longest_ms;       /* 10,000 */
    int barge_in_ms;           /* speech that stops the prompt, 300; VIREO_NONE for 0 */
} vireo_speech;

typedef struct vireo_gather_options {
    vireo_prompt prompt;
    const char *language;        /* BCP 47; the call's own */
    int min_digits;              /* 1; VIREO_NONE for 0 */
    int max_digits;              /* the longest of `accept`, else 64; VIREO_NONE with speech: no key is taken */
    const char *terminators;     /* "#", but "" when max_digits is 1 */
    const char *const *accept;   /* VIREO_ACCEPT("1", "9xxx", "00."); everything */
    vireo_barge_in barge_in;     /* any key stops the prompt */
    vireo_type_ahead type_ahead; /* keys pressed earlier count */
    uint32_t first_digit_timeout_ms; /* 5,000, from the end of the prompt */
    uint32_t inter_digit_timeout_ms; /* 3,000 */
    int attempts;                /* 3 */
    vireo_prompt no_input, no_match; /* heard before the prompt is repeated; nothing */
    const vireo_speech *speech;  /* what the caller may say instead; keys alone */
} vireo_gather_options;

typedef enum vireo_gathered_kind {
    VIREO_DIGITS,
    VIREO_NO_INPUT,
    VIREO_NO_MATCH,
    VIREO_SPEECH,   /* what was said, and matches */
    VIREO_MISHEARD, /* what was said, and does not match or is not sure enough */
    VIREO_UNHEARD   /* the recognizer could not listen, and no digits came: ask for keys */
} vireo_gathered_kind;

typedef enum vireo_unheard_reason { VIREO_RECOGNIZER_BUSY, VIREO_NO_MODEL, VIREO_RECOGNIZER_FAILED } vireo_unheard_reason;

/* What was said, or another reading of it. */
typedef struct vireo_reading {
    const char *value; /* as the grammar says; "" where none matches */
    const char *text;  /* the words */
    float confidence;  /* 0.0 to 1.0 */
} vireo_reading;

typedef struct vireo_gathered {
    vireo_gathered_kind kind;
    const char *digits; /* of VIREO_NO_MATCH and VIREO_UNHEARD: what was pressed; else without VIREO_DIGITS: "" */
    vireo_reading said;    /* of VIREO_SPEECH and VIREO_MISHEARD */
    int grammar;        /* which of the grammars it is, from 0 */
    const vireo_reading *alternatives; /* other readings, best first */
    size_t alternative_count;
    vireo_unheard_reason reason; /* of VIREO_UNHEARD */
    const char *why;             /* in words, for the log */
} vireo_gathered;

vireo_error vireo_gather(vireo_gather_options options, vireo_gathered *gathered);
vireo_error vireo_flush_digits(void);               /* forgets keys that were pressed */
vireo_error vireo_send_digits(const char *digits);  /* to the other side; `,` is a pause of 500 ms */

/* Recording ---------------------------------------------------------------------------------- */

typedef struct vireo_record_options {
    vireo_prompt prompt;       /* heard before, without barge-in */
    const char *language;      /* BCP 47; the call's own */
    bool no_beep;              /* a tone before the recording */
    uint32_t max_duration_ms;  /* 120,000 */
    int32_t silence_ms;        /* 4,000; VIREO_NONE: silence never ends it */
    const char *terminators;   /* "#" */
} vireo_record_options;

typedef enum vireo_record_end {
    VIREO_RECORD_TERMINATOR,
    VIREO_RECORD_SILENCE,
    VIREO_RECORD_MAX_DURATION,
    VIREO_RECORD_HUNG_UP,
    VIREO_RECORD_FAILED,
} vireo_record_end;

typedef struct vireo_message {
    const char *id;
    uint32_t duration_ms;
    vireo_record_end ended_by;
} vireo_message;

vireo_error vireo_record(vireo_record_options options, vireo_message *message);

vireo_error vireo_start_recording(const char **id); /* the call, in stereo; `id` may be NULL */
vireo_error vireo_pause_recording(void);
vireo_error vireo_resume_recording(void);
vireo_error vireo_stop_recording(void);
vireo_error vireo_discard_recording(const char *id); /* a message, or the recording of the call */

/* Services ----------------------------------------------------------------------------------- */

/* A key-value store that outlives calls. Needs the grant `kv`. A value is followed by a NUL that does
 * not belong to it. */
typedef struct vireo_bytes {
    const char *at; /* NULL: there is no such key */
    size_t length;
} vireo_bytes;

vireo_error vireo_kv_get(const char *key, vireo_bytes *value);
vireo_error vireo_kv_set(const char *key, const char *text);
vireo_error vireo_kv_set_bytes(const char *key, vireo_bytes value);
vireo_error vireo_kv_delete(const char *key);
vireo_error vireo_kv_increment(const char *key, int64_t by, int64_t *sum); /* `sum` may be NULL */
vireo_error vireo_kv_compare_and_swap(const char *key, vireo_bytes expected, vireo_bytes new_value, bool *swapped);
vireo_error vireo_kv_keys(const char *prefix, uint32_t limit, vireo_texts *keys);

const char *vireo_setting(const char *key); /* NULL when it is not set */
vireo_error vireo_secret(const char *name, const char **value);

typedef enum vireo_level { VIREO_LOG_DEBUG, VIREO_LOG_INFO, VIREO_LOG_WARN, VIREO_LOG_ERROR } vireo_level;

/* %d %i %u %x %c %s %% with l, ll and z; no widths. */
void vireo_log(vireo_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define vireo_debug(...) vireo_log(VIREO_LOG_DEBUG, __VA_ARGS__)
#define vireo_info(...) vireo_log(VIREO_LOG_INFO, __VA_ARGS__)
#define vireo_warn(...) vireo_log(VIREO_LOG_WARN, __VA_ARGS__)
#define vireo_alert(...) vireo_log(VIREO_LOG_ERROR, __VA_ARGS__)

/* A text made as vireo_log makes it. */
const char *vireo_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

typedef struct vireo_local_time {
    int16_t year;
    uint8_t month, day; /* from 1 */
    uint8_t weekday;    /* 1 is Monday, 7 is Sunday */
    uint8_t hour, minute, second;
    int32_t utc_offset_s; /* east of UTC */
} vireo_local_time;

/* Time and random numbers come from here only, so that the journal has them. */
uint64_t vireo_now(void); /* ms since 1970-01-01T00:00:00Z */
vireo_error vireo_local(const char *zone, vireo_local_time *time); /* IANA name; NULL: the server's own */
uint64_t vireo_random(void); /* a number that nobody can guess */

typedef struct vireo_http_request {
    const char *method; /* "GET" */
    const char *url;
    const vireo_pair *headers;
    size_t header_count;
    vireo_bytes body;    /* none */
    uint32_t timeout_ms; /* 5,000 */
} vireo_http_request;

typedef struct vireo_http_response {
    uint16_t status;
    const vireo_pair *headers;
    size_t header_count;
    vireo_bytes body;
} vireo_http_response;

/* To hosts that the flow was granted. A response of any status is a success. */
vireo_error vireo_http(vireo_http_request request, vireo_http_response *response);

#ifdef __cplusplus
}

/* The parts of a prompt; they live as long as the expression that they stand in. */
template <size_t N> struct vireo_parts {
    vireo_part parts[N];
    operator vireo_prompt() const { return {nullptr, parts, N}; }
};
template <class... Parts> vireo_parts<sizeof...(Parts)> vireo_prompt_of(Parts... parts) { return {{parts...}}; }
template <size_t N> struct vireo_entries {
    const char *entries[N];
    operator const char *const *() const { return entries; }
};
template <class... Entries> vireo_entries<sizeof...(Entries) + 1> vireo_entries_of(Entries... entries) {
    return {{entries..., nullptr}};
}
#define VIREO_PROMPT(...) vireo_prompt_of(__VA_ARGS__)
#define VIREO_ACCEPT(...) vireo_entries_of(__VA_ARGS__)
#else
#define VIREO_PROMPT(...)                                              \
    ((vireo_prompt){NULL, (const vireo_part[]){__VA_ARGS__},           \
                    sizeof((const vireo_part[]){__VA_ARGS__}) / sizeof(vireo_part)})
#define VIREO_ACCEPT(...) ((const char *const[]){__VA_ARGS__, NULL})
#endif

#endif
