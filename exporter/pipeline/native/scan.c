/* Checks lines of events and writes them as they are exported: the native twin of exporter/pipeline/events.py.
 *
 * Python is the definition. A line is accepted only if every part of it is plainly right, or mistyped in a frequent
 * way whose meaning is plain; then the result has the bytes that the Python way writes. Any other line is *odd*: it is
 * left to the Python way, so to refuse is always correct.
 *
 * The input is hostile. All reading goes through ``struct text``, which has two bounds: ``end`` is the newline that
 * ends the line, and ``limit`` is the end of the memory. No function goes past a newline, so ``at`` never passes
 * ``end``, and ``*at`` can always be read. To read more than one byte, a function compares with ``end``, or with
 * ``limit`` where what lies behind the line does not change the result. All writing goes to buffers for which
 * scan_events has checked, line by line, that the longest possible result fits: see extra_room. There is no
 * allocation and no recursion, and nothing beyond memchr, memcmp and memcpy of the C library. What is kept between
 * calls is the order of keys that was seen last, which only decides what is tried first.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* The digest of all sources: a library of another version is not used. */
#ifndef SCAN_SOURCE
#define SCAN_SOURCE "unknown"
#endif

enum kind { STRING, INTEGER, FLOAT, BOOLEAN, TIME, UUID, DICT, TEXTS };

#define KEY_ROOM 32

/* One key of the record, in the order of writing. The layout is repeated in scanner.py. */
struct field {
    uint8_t key[KEY_ROOM]; /* as it is written, with quotes and colon; zeros follow */
    uint8_t key_bytes;
    uint8_t kind;
    uint8_t required;
    uint8_t is_app;
    uint8_t is_upload_time;
};

struct settings {
    const struct field *fields;
    const uint8_t *app;  /* decimal digits */
    const uint8_t *hour; /* HOUR_BYTES: 2020-01-25 17 */
    uint64_t writes;     /* one bit for each field that is written */
    uint32_t field_count;
    uint32_t app_bytes;
    uint32_t iso8601;
};

#define FIELDS_MAX 63 /* the bits of writes, less one that ends loops */
#define SLOTS 256 /* a power of two, and more than FIELDS_MAX, so that probing ends */
#define DEPTH_MAX 60
#define HOUR_BYTES 13
#define DATE_BYTES 10
#define TIME_BYTES 26
#define UUID_BYTES 36
#define UUID_BYTES_MIN 32
#define ROW_KEY_BYTES 16
#define INTEGER_DIGITS_MAX 18
/* Decimals of so many significant digits each have a double of their own, so the shortest text of that double is
 * the decimal itself. */
#define FLOAT_DIGITS_MAX 15
#define FRACTION_ZEROS_MAX 2
/* What the text of a value takes at most beyond its own bytes: a quoted time or uuid, or what is written for null. */
#define FIELD_EXTRA_BYTES 40
#define STEP_BYTES 16 /* what is looked at together */
#define SHORT_BYTES 32 /* a shorter copy copies so many bytes, and the ones too many are overwritten */

struct text {
    const uint8_t *at;
    const uint8_t *end;
    const uint8_t *limit;
};

/* The value of a key as it is written. */
struct value {
    const uint8_t *start;
    uint32_t bytes;
    uint8_t whole; /* its key precedes it, as both are written */
};

struct line {
    struct value values[FIELDS_MAX];
    uint64_t seen;   /* one bit for each field */
    uint64_t joined; /* those that follow the field before them in the line as they do in the result */
    uint8_t *key;  /* ROW_KEY_BYTES */
    uint8_t *scratch; /* where the next value that is not written as it was read has its text */
    const uint8_t *scratch_limit;
};

#define INLINE static inline __attribute__((always_inline))

static int is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

/* The value of a hexadecimal digit; more than 15 for another character. */
static uint8_t hex_digit(uint8_t c)
{
    uint8_t letter = (uint8_t)((c | 0x20) - 'a');
    return is_digit(c) ? (uint8_t)(c - '0') : letter < 6 ? (uint8_t)(letter + 10) : 0xFF;
}

/* CR is white space, too, but inside of objects the Python way replaces it: see skip_spaces. */
INLINE void skip_blanks(struct text *t)
{
    while (*t->at <= ' ' && (*t->at == ' ' || *t->at == '\t' || *t->at == '\r'))
        t->at++;
}

/* Inside of values that are kept, a CR is replaced by the Python way, so it is not taken as white space. */
INLINE void skip_spaces(struct text *t)
{
    while (*t->at <= ' ' && (*t->at == ' ' || *t->at == '\t'))
        t->at++;
}

/* Take a byte, which is no newline. */
INLINE int take(struct text *t, uint8_t c)
{
    if (*t->at != c)
        return 0;
    t->at++;
    return 1;
}

INLINE int take_word(struct text *t, const char *word, size_t bytes)
{
    if ((size_t)(t->end - t->at) < bytes || memcmp(t->at, word, bytes) != 0)
        return 0;
    t->at += bytes;
    return 1;
}

INLINE int take_null(struct text *t) { return take_word(t, "null", 4); }

/* Return the end of a character of two to four bytes in UTF-8: no overlong form, no surrogate, nothing above U+10FFFF;
 * NULL if it is none. */
static const uint8_t *utf8_end(const uint8_t *s, const uint8_t *end)
{
    ptrdiff_t left = end - s;
    uint8_t first, second;
    if (left < 2)
        return NULL;
    first = s[0];
    second = s[1];
    if ((second & 0xC0) != 0x80)
        return NULL;
    if (first >= 0xC2 && first <= 0xDF)
        return s + 2;
    if (left < 3 || (s[2] & 0xC0) != 0x80)
        return NULL;
    if (first >= 0xE0 && first <= 0xEF)
        return (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ? NULL : s + 3;
    if (left < 4 || (s[3] & 0xC0) != 0x80 || first < 0xF0 || first > 0xF4)
        return NULL;
    return (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F) ? NULL : s + 4;
}

/* Return the number that four hexadecimal digits write; -1 if there are fewer. */
static int32_t hex4(const uint8_t *s, const uint8_t *end)
{
    int32_t unit = 0;
    int place;
    if (end - s < 4)
        return -1;
    for (place = 0; place < 4; place++) {
        uint8_t digit = hex_digit(s[place]);
        if (digit > 15)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* Return the end of what follows a backslash; NULL if it is no escape. Without ``any``, only the escapes that the
 * Python way writes in the same form are some. */
static const uint8_t *escape_end(const uint8_t *s, const uint8_t *end, int any)
{
    int32_t unit;
    switch (*s) {
    case '"':
    case '\\':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return s + 1;
    case '/':
        return any ? s + 1 : NULL;
    case 'u':
        unit = any ? hex4(s + 1, end) : -1;
        if (unit < 0 || (unit >= 0xDC00 && unit <= 0xDFFF))
            return NULL;
        if (unit < 0xD800 || unit > 0xDBFF)
            return s + 5;
        if (end - s < 7 || s[5] != '\\' || s[6] != 'u')
            return NULL;
        unit = hex4(s + 7, end);
        return unit >= 0xDC00 && unit <= 0xDFFF ? s + 11 : NULL;
    default:
        return NULL;
    }
}

/* 1 where a byte may be copied without a look: no quote, backslash, control character, or part of a longer one. */
static int is_plain(uint8_t c) { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\'; }

/* Skip plain bytes, many at a time while as many can be read. A newline is not plain, so this ends in the line. */
INLINE void skip_plain(struct text *t)
{
    const uint8_t *at = t->at;
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), blank = _mm_set1_epi8(' ');
    while (t->limit - at >= STEP_BYTES) {
        __m128i some = _mm_loadu_si128((const __m128i *)(const void *)at);
        /* As signed numbers, bytes of 0x80 and more are less than a blank, too. */
        __m128i stops = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(some, quote), _mm_cmpeq_epi8(some, slash)),
                                     _mm_cmplt_epi8(some, blank));
        uint32_t found = (uint32_t)_mm_movemask_epi8(stops);
        if (found) {
            t->at = at + __builtin_ctz(found);
            return;
        }
        at += STEP_BYTES;
    }
#elif defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    /* The bit tricks set the highest bit of each byte that is < 0x20, == '"', == '\\' or >= 0x80. A borrow can set
     * it for a plain byte above such a byte, so only the lowest one counts, which is the first one here. */
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    while (t->limit - at >= 8) {
        uint64_t word, quote, slash, found;
        memcpy(&word, at, 8);
        quote = word ^ (ones * '"');
        slash = word ^ (ones * '\\');
        found = (word | (word - ones * 0x20) | (quote - ones) | (slash - ones)) & highs;
        if (found) {
            t->at = at + __builtin_ctzll(found) / 8;
            return;
        }
        at += 8;
    }
#endif
    while (is_plain(*at))
        at++;
    t->at = at;
}

/* Take the rest of a string after its opening quote, with the closing one. */
INLINE int take_string(struct text *t, int any_escape)
{
    for (;;) {
        const uint8_t *end;
        skip_plain(t);
        if (take(t, '"'))
            return 1;
        if (*t->at >= 0x80)
            end = utf8_end(t->at, t->end);
        else if (*t->at == '\\')
            end = escape_end(t->at + 1, t->end, any_escape);
        else
            return 0;
        if (!end)
            return 0;
        t->at = end;
    }
}

INLINE uint32_t take_digits(struct text *t)
{
    const uint8_t *start = t->at;
    while (is_digit(*t->at))
        t->at++;
    return t->at - start > 1000 ? 1001 : (uint32_t)(t->at - start);
}

/* Take any JSON number, of at most 1,000 digits in each of its parts. */
INLINE int take_number(struct text *t)
{
    uint32_t digits;
    take(t, '-');
    if (!take(t, '0')) {
        digits = take_digits(t);
        if (digits == 0 || digits > 1000)
            return 0;
    }
    if (take(t, '.')) {
        digits = take_digits(t);
        if (digits == 0 || digits > 1000)
            return 0;
    }
    if (take(t, 'e') || take(t, 'E')) {
        if (!take(t, '-'))
            take(t, '+');
        digits = take_digits(t);
        if (digits == 0 || digits > 1000)
            return 0;
    }
    return 1;
}

/* Take a number, true or false. */
INLINE int take_bare(struct text *t)
{
    switch (*t->at) {
    case 't':
        return take_word(t, "true", 4);
    case 'f':
        return take_word(t, "false", 5);
    default:
        return take_number(t);
    }
}

INLINE int take_scalar(struct text *t)
{
    if (take(t, '"'))
        return take_string(t, 1);
    return *t->at == 'n' ? take_null(t) : take_bare(t);
}

INLINE int take_key(struct text *t)
{
    skip_spaces(t);
    if (!take(t, '"') || !take_string(t, 1))
        return 0;
    skip_spaces(t);
    if (!take(t, ':'))
        return 0;
    skip_spaces(t);
    return 1;
}

/* Take any value. ``objects`` has one bit for each open level: 1 for an object, 0 for an array. */
static int take_value(struct text *given)
{
    struct text here = *given, *t = &here; /* a copy, of which the compiler knows that nothing else changes it */
    uint64_t objects = 0;
    int depth = 0;
    for (;;) {
        int opened = 0;
        if (take(t, '{')) {
            skip_spaces(t);
            if (!take(t, '}')) {
                if (++depth > DEPTH_MAX || !take_key(t))
                    return 0;
                objects = objects << 1 | 1;
                opened = 1;
            }
        } else if (take(t, '[')) {
            skip_spaces(t);
            if (!take(t, ']')) {
                if (++depth > DEPTH_MAX)
                    return 0;
                objects <<= 1;
                opened = 1;
            }
        } else if (!take_scalar(t)) {
            return 0;
        }
        if (opened)
            continue;
        for (;;) {
            if (depth == 0) {
                given->at = t->at;
                return 1;
            }
            skip_spaces(t);
            if (take(t, ',')) {
                if (objects & 1) {
                    if (!take_key(t))
                        return 0;
                } else {
                    skip_spaces(t);
                }
                break;
            }
            if (!take(t, objects & 1 ? '}' : ']'))
                return 0;
            objects >>= 1;
            depth--;
        }
    }
}

/* Let the value be the bytes from ``start`` to where the text is. */
static void is_copied(struct value *value, const uint8_t *start, const struct text *t)
{
    value->start = start;
    value->bytes = (uint32_t)(t->at - start);
}

/* Let the value be another text than the one that was read. */
static void is_written(struct value *value, const void *start, size_t bytes)
{
    value->start = start;
    value->bytes = (uint32_t)bytes;
    value->whole = 0;
}

static uint8_t *put(uint8_t *out, const void *bytes, size_t count)
{
    memcpy(out, bytes, count);
    return out + count;
}

/* Let the value be what was written into the scratch from its beginning to ``end``. */
static void is_scratch(struct value *value, struct line *line, uint8_t *end)
{
    is_written(value, line->scratch, (size_t)(end - line->scratch));
    line->scratch = end;
}

/* Write the character of an escape with hexadecimal digits, which begins after the backslash and is in order; NULL for a
 * control character, a quote or a backslash. */
static uint8_t *put_character(uint8_t *out, const uint8_t *s, const uint8_t *end)
{
    int32_t code = hex4(s + 1, end);
    if (code >= 0xD800 && code <= 0xDBFF)
        code = 0x10000 + ((code - 0xD800) << 10) + (hex4(s + 7, end) - 0xDC00);
    if (code < 0x80) {
        if (code < 0x20 || !is_plain((uint8_t)code))
            return NULL;
        *out++ = (uint8_t)code;
        return out;
    }
    if (code < 0x800) {
        *out++ = (uint8_t)(0xC0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *out++ = (uint8_t)(0xE0 | code >> 12);
        } else {
            *out++ = (uint8_t)(0xF0 | code >> 18);
            *out++ = (uint8_t)(0x80 | (code >> 12 & 0x3F));
        }
        *out++ = (uint8_t)(0x80 | (code >> 6 & 0x3F));
    }
    *out++ = (uint8_t)(0x80 | (code & 0x3F));
    return out;
}

/* Take a string after its opening quote, and write its escapes as the Python way writes them. */
static int take_escaped_string(struct text *t, struct line *line, struct value *value)
{
    uint8_t *out = line->scratch;
    *out++ = '"';
    for (;;) {
        const uint8_t *start = t->at, *end;
        skip_plain(t);
        while (*t->at >= 0x80) {
            end = utf8_end(t->at, t->end);
            if (!end)
                return 0;
            t->at = end;
        }
        out = put(out, start, (size_t)(t->at - start));
        if (take(t, '"'))
            break;
        if (take(t, '\\')) {
            start = t->at;
            end = escape_end(start, t->end, 1);
            if (!end)
                return 0;
            if (*start == 'u')
                out = put_character(out, start, end);
            else
                out = *start == '/' ? put(out, start, 1) : put(out, start - 1, 2);
            if (!out)
                return 0;
            t->at = end;
        } else if (*t->at < 0x20) {
            return 0;
        }
    }
    *out++ = '"';
    is_scratch(value, line, out);
    return 1;
}

/* Take an array of strings after its bracket; write it without blanks if there are some. */
static int take_array_of_texts(struct text *t, struct line *line, struct value *value)
{
    const uint8_t *start = t->at - 1;
    uint8_t *out = line->scratch;
    *out++ = '[';
    skip_spaces(t);
    if (!take(t, ']')) {
        for (;;) {
            const uint8_t *text = t->at;
            if (!take(t, '"') || !take_string(t, 0))
                return 0;
            out = put(out, text, (size_t)(t->at - text));
            skip_spaces(t);
            if (take(t, ']'))
                break;
            if (!take(t, ','))
                return 0;
            *out++ = ',';
            skip_spaces(t);
        }
    }
    *out++ = ']';
    if (out - line->scratch == t->at - start)
        is_copied(value, start, t);
    else
        is_scratch(value, line, out);
    return 1;
}

/* Take a number, true or false as a string. */
static int take_bare_as_string(struct text *t, struct line *line, struct value *value)
{
    const uint8_t *start = t->at;
    uint8_t *out = line->scratch;
    if (!take_bare(t))
        return 0;
    *out++ = '"';
    out = put(out, start, (size_t)(t->at - start));
    *out++ = '"';
    is_scratch(value, line, out);
    return 1;
}

/* Take an integer, also one with a fraction of zeros, or in a string. */
static int take_integer(struct text *t, struct value *value)
{
    int quoted = take(t, '"'), negative;
    const uint8_t *start = t->at, *whole;
    uint32_t digits;
    negative = take(t, '-');
    whole = t->at;
    digits = take_digits(t);
    if (digits == 0 || digits > INTEGER_DIGITS_MAX || (whole[0] == '0' && (digits > 1 || negative)))
        return 0;
    is_copied(value, start, t);
    if (take(t, '.')) {
        if (digits > FLOAT_DIGITS_MAX || *t->at != '0')
            return 0;
        while (take(t, '0')) {
        }
        value->whole = 0;
    }
    if (quoted)
        value->whole = 0;
    return !quoted || take(t, '"');
}

/* Take a number without an exponent, also in a string, and write the shortest text of its double. */
static int take_float(struct text *t, struct line *line, struct value *value)
{
    int quoted = take(t, '"'), negative;
    const uint8_t *start = t->at, *whole, *fraction;
    uint32_t whole_digits, fraction_digits, zeros = 0;
    negative = take(t, '-');
    whole = t->at;
    whole_digits = take_digits(t);
    if (whole_digits == 0 || whole_digits >= FLOAT_DIGITS_MAX || (whole[0] == '0' && whole_digits > 1))
        return 0;
    if (*t->at != '.') {
        uint8_t *out = put(line->scratch, start, (size_t)(t->at - start));
        if (whole[0] == '0' && negative)
            return 0;
        is_scratch(value, line, put(out, ".0", 2));
        return !quoted || take(t, '"');
    }
    t->at++;
    fraction = t->at;
    fraction_digits = take_digits(t);
    if (fraction_digits == 0 || fraction_digits > 1000)
        return 0;
    is_copied(value, start, t);
    while (fraction_digits > 1 && fraction[fraction_digits - 1] == '0') {
        fraction_digits--;
        value->bytes--;
        value->whole = 0;
    }
    if (whole_digits + fraction_digits > FLOAT_DIGITS_MAX)
        return 0;
    if (whole[0] == '0') {
        while (zeros < fraction_digits && fraction[zeros] == '0')
            zeros++;
        if (zeros == fraction_digits ? negative : zeros > FRACTION_ZEROS_MAX)
            return 0;
    }
    if (quoted)
        value->whole = 0;
    return !quoted || take(t, '"');
}

/* Take a word in a string, in any case. */
static int take_lower_word(struct text *t, const char *word, size_t bytes)
{
    size_t place;
    if ((size_t)(t->end - t->at) < bytes)
        return 0;
    for (place = 0; place < bytes; place++) {
        if ((t->at[place] | 0x20) != (uint8_t)word[place])
            return 0;
    }
    t->at += bytes;
    return 1;
}

/* Take true or false, also in a string in any case, or as 1 or 0. */
static int take_boolean(struct text *t, struct value *value)
{
    const uint8_t *start = t->at;
    int quoted;
    if (take_word(t, "true", 4) || take_word(t, "false", 5)) {
        is_copied(value, start, t);
        return 1;
    }
    quoted = take(t, '"');
    if (take(t, '1') || (quoted && take_lower_word(t, "true", 4)))
        is_written(value, "true", 4);
    else if (take(t, '0') || (quoted && take_lower_word(t, "false", 5)))
        is_written(value, "false", 5);
    else
        return 0;
    return !quoted || take(t, '"');
}

static int two(const uint8_t *s) { return (s[0] - '0') * 10 + (s[1] - '0'); }

/* The lowest byte of each place of a time, and how many follow it; a blank or a T is looked at apart. */
static const uint8_t time_lowest[] = "0000-00-00\0" "00:00:00.000000";
static const uint8_t time_more[] = {9, 9, 9, 9, 0, 9, 9, 0, 9, 9, 255, 9, 9, 0, 9, 9, 0, 9, 9, 0, 9, 9, 9, 9, 9, 9};

/* Whether STEP_BYTES bytes are those of a time from a place on. */
static int in_form(const uint8_t *s, int place)
{
    int at, wrong = 0;
    for (at = 0; at < STEP_BYTES; at++)
        wrong |= (uint8_t)(s[place + at] - time_lowest[place + at]) > time_more[place + at];
    return !wrong;
}

/* Take the rest of a time after its quote, in UTC; write the time in the form of the output. */
static int take_time(struct text *t, const struct settings *of, struct line *line, struct value *value)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const uint8_t *s = t->at;
    const int seconds_end = 19;
    int year, month, day, last;
    uint32_t digits = 0, whole_form;
    uint8_t *out = line->scratch;
    if (t->end - s < seconds_end || !in_form(s, 0) || (s[DATE_BYTES] != ' ' && s[DATE_BYTES] != 'T'))
        return 0;
    if (s[16] != ':' || !is_digit(s[17]) || !is_digit(s[18]))
        return 0;
    year = two(s) * 100 + two(s + 2);
    month = two(s + 5);
    day = two(s + 8);
    if (year < 1 || month < 1 || month > 12 || two(s + 11) > 23 || two(s + 14) > 59 || two(s + 17) > 59)
        return 0;
    last = days[month - 1];
    if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
        last = 29;
    if (day < 1 || day > last)
        return 0;
    if (t->end - s >= TIME_BYTES && in_form(s, TIME_BYTES - STEP_BYTES)) {
        digits = 6;
        t->at += TIME_BYTES;
        while (digits < 10 && is_digit(*t->at)) {
            t->at++;
            digits++;
        }
    } else {
        t->at += seconds_end;
        if (take(t, '.')) {
            digits = take_digits(t);
            if (digits == 0)
                return 0;
        }
    }
    if (digits > 9)
        return 0;
    whole_form = of->iso8601 ? s[DATE_BYTES] == 'T' && *t->at == 'Z' : s[DATE_BYTES] == ' ' && *t->at == '"';
    if (!take(t, 'Z'))
        take_word(t, "+00:00", 6);
    if (!take(t, '"'))
        return 0;
    if (whole_form && digits == 6) {
        is_copied(value, s - 1, t);
        return 1;
    }
    *out++ = '"';
    out = put(out, s, (size_t)seconds_end);
    out[DATE_BYTES - seconds_end] = of->iso8601 ? 'T' : ' ';
    out = put(out, ".000000", 7);
    if (digits >= 6)
        memcpy(out - 6, s + seconds_end + 1, 6);
    else if (digits > 0)
        memcpy(out - 6, s + seconds_end + 1, digits);
    if (of->iso8601)
        *out++ = 'Z';
    *out++ = '"';
    is_scratch(value, line, out);
    return 1;
}

/* Whether a time that was read is in the hour. */
static int in_hour(const struct settings *of, const struct value *value)
{
    const uint8_t *time = value->start + 1;
    const int clock = DATE_BYTES + 1;
    return memcmp(time, of->hour, DATE_BYTES) == 0 && memcmp(time + clock, of->hour + clock, HOUR_BYTES - clock) == 0;
}

/* Take a UUID, also one in braces or without hyphens; write its text in lower case, and its 16 bytes. */
static int take_uuid(struct text *t, struct line *line, struct value *value)
{
    static const uint8_t groups[] = {8, 4, 4, 4, 12};
    const uint8_t *start = t->at;
    uint8_t digits[UUID_BYTES_MIN], *out = line->scratch;
    int braced, hyphens, group, at, filled = 0, wrong = 0, upper = 0;
    if (!take(t, '"'))
        return 0;
    braced = take(t, '{');
    if (t->end - t->at < UUID_BYTES_MIN)
        return 0;
    hyphens = t->at[8] == '-';
    if (hyphens && t->end - t->at < UUID_BYTES)
        return 0;
    for (group = 0; group < 5; group++) {
        if (group && hyphens)
            wrong |= *t->at++ != '-';
        for (at = 0; at < groups[group]; at++)
            digits[filled++] = *t->at++;
    }
    for (at = 0; at < UUID_BYTES_MIN; at++) {
        uint8_t letter = (uint8_t)((digits[at] | 0x20) - 'a'), digit = (uint8_t)(digits[at] - '0');
        wrong |= (letter > 5) & (digit > 9);
        upper |= (digits[at] & 0x60) == 0x40;
        digits[at] |= 0x20; /* digits have this bit */
    }
    if (wrong || (braced && !take(t, '}')) || !take(t, '"'))
        return 0;
    for (at = 0; at < ROW_KEY_BYTES; at++) {
        uint8_t high = digits[2 * at], low = digits[2 * at + 1];
        /* The low bits of letters count from 1, and only letters have the next higher bit. */
        line->key[at] = (uint8_t)(((high & 15) + (high >> 6) * 9) << 4 | ((low & 15) + (low >> 6) * 9));
    }
    if (hyphens && !braced && !upper) {
        is_copied(value, start, t);
        return 1;
    }
    *out++ = '"';
    for (group = 0, filled = 0; group < 5; group++) {
        if (group)
            *out++ = '-';
        out = put(out, digits + filled, groups[group]);
        filled += groups[group];
    }
    *out++ = '"';
    is_scratch(value, line, out);
    return 1;
}

/* Take an object as JSON text, after the quote of the string. */
static int take_object_in_text(struct text *t, struct line *line, struct value *value)
{
    uint8_t *out = line->scratch;
    struct text inner;
    for (;;) {
        const uint8_t *start = t->at;
        skip_plain(t);
        while (*t->at >= 0x80) /* the characters are looked at below */
            t->at++;
        out = put(out, start, (size_t)(t->at - start));
        if (take(t, '"'))
            break;
        if (take(t, '\\')) {
            const uint8_t *end = escape_end(t->at, t->end, 1);
            if (!end || !(*t->at == '"' || *t->at == '\\' || *t->at == '/' || *t->at == 'u'))
                return 0;
            out = *t->at == 'u' ? put_character(out, t->at, end) : put(out, t->at, 1);
            if (!out)
                return 0;
            t->at = end;
        } else if (*t->at < 0x20) {
            return 0;
        }
    }
    *out = '\n';
    inner.at = line->scratch;
    inner.end = out;
    inner.limit = line->scratch_limit;
    skip_spaces(&inner);
    is_written(value, inner.at, 0);
    if (*inner.at != '{' || !take_value(&inner))
        return 0;
    value->bytes = (uint32_t)(inner.at - value->start);
    skip_spaces(&inner);
    line->scratch = out + 1;
    return inner.at == inner.end;
}

/* Take an object, also as JSON text in a string, or an empty array in the place of an empty object. */
static int take_dict(struct text *t, struct line *line, struct value *value)
{
    const uint8_t *start = t->at;
    if (*start == '{') {
        if (!take_value(t))
            return 0;
        is_copied(value, start, t);
        return 1;
    }
    if (take(t, '['))  {
        skip_spaces(t);
        is_written(value, "{}", 2);
        return take(t, ']');
    }
    return take(t, '"') && take_object_in_text(t, line, value);
}

/* What is written for a key that is missing, null or empty. */
static void is_missing(struct value *value, const struct settings *of, const struct field *field)
{
    if (field->is_app)
        is_written(value, of->app, of->app_bytes);
    else if (field->kind == DICT)
        is_written(value, "{}", 2);
    else
        is_written(value, "null", 4);
}

/* Take the value of a field that is not null, nor a string as it is written. */
static int take_other(struct text *t, const struct settings *of, const struct field *field, struct line *line,
                      struct value *value)
{
    const uint8_t *start = t->at;
    switch (field->kind) {
    case TEXTS:
        if (take(t, '['))
            return take_array_of_texts(t, line, value);
        /* fall through */
    case STRING:
        if (!take(t, '"'))
            return take_bare_as_string(t, line, value);
        if (take_string(t, 0)) {
            is_copied(value, start, t);
            return 1;
        }
        t->at = start + 1;
        return take_escaped_string(t, line, value);
    case INTEGER:
        return take_integer(t, value);
    case FLOAT:
        return take_float(t, line, value);
    case BOOLEAN:
        return take_boolean(t, value);
    case TIME:
        return take(t, '"') && take_time(t, of, line, value) && (!field->is_upload_time || in_hour(of, value));
    case UUID:
        return take_uuid(t, line, value);
    case DICT:
        return take_dict(t, line, value);
    default:
        return 0;
    }
}

/* Take the value of a known key; ``whole`` if the key precedes it as it is written. */
INLINE int take_field(struct text *t, const struct settings *of, uint32_t number, struct line *line, int whole)
{
    const struct field *field = &of->fields[number];
    struct value *value = &line->values[number];
    const uint8_t *start = t->at;
    int fits;
    if (line->seen >> number & 1)
        return 0;
    line->seen |= (uint64_t)1 << number;
    value->whole = (uint8_t)whole;
    if (!field->required) {
        if (*start == 'n') {
            if (!take_null(t))
                return 0;
            if (field->is_app || field->kind == DICT)
                is_missing(value, of, field);
            else
                is_copied(value, start, t);
            return 1;
        }
        if (start[0] == '"' && start[1] == '"' && field->kind != STRING && field->kind != TEXTS &&
            field->kind != UUID) {
            t->at += 2;
            is_missing(value, of, field);
            return 1;
        }
    }
    fits = field->kind == STRING && take(t, '"') && take_string(t, 0);
    if (fits) {
        is_copied(value, start, t);
    } else {
        struct text here = *t; /* so that ``t`` stays in registers */
        here.at = start;
        fits = take_other(&here, of, field, line, value);
        t->at = here.at;
    }
    if (fits && field->is_app)
        return value->bytes == of->app_bytes && memcmp(value->start, of->app, of->app_bytes) == 0;
    return fits;
}

static uint32_t slot_of(const uint8_t *name, size_t bytes)
{
    uint32_t hash = 2166136261u;
    size_t place;
    for (place = 0; place < bytes; place++)
        hash = (hash ^ name[place]) * 16777619u;
    return (hash ^ hash >> 15) & (SLOTS - 1);
}

/* Fill the table in which fields are found by their names: a place has the number of a field plus one. */
static void fill_slots(uint8_t *slots, const struct settings *of)
{
    uint32_t number;
    memset(slots, 0, SLOTS);
    for (number = 0; number < of->field_count; number++) {
        const struct field *field = &of->fields[number];
        uint32_t slot = slot_of(field->key + 1, field->key_bytes - 3u);
        while (slots[slot])
            slot = (slot + 1) & (SLOTS - 1);
        slots[slot] = (uint8_t)(number + 1);
    }
}

/* Return the number of the field with a name, or -1. */
static int find(const struct settings *of, const uint8_t *slots, const uint8_t *name, size_t bytes)
{
    uint32_t slot;
    /* At most FIELDS_MAX of the SLOTS are taken, so there is always an empty one. */
    for (slot = slot_of(name, bytes); slots[slot]; slot = (slot + 1) & (SLOTS - 1)) {
        const struct field *field = &of->fields[slots[slot] - 1];
        if (field->key_bytes == bytes + 3 && memcmp(field->key + 1, name, bytes) == 0)
            return slots[slot] - 1;
    }
    return -1;
}

/* Whether the key of a field follows, as it is written. It has no newline, so it ends in the line. */
INLINE int is_next(const struct text *t, const struct field *field)
{
#if defined(__SSE2__)
    if (t->limit - t->at >= KEY_ROOM) {
        const __m128i *here = (const __m128i *)(const void *)t->at, *key = (const __m128i *)(const void *)field->key;
        uint32_t first = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(here), _mm_loadu_si128(key)));
        uint32_t last = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(here + 1), _mm_loadu_si128(key + 1)));
        uint32_t other = ~(first | last << 16);
        return (other & (0xFFFFFFFFu >> (KEY_ROOM - field->key_bytes))) == 0;
    }
#endif
    return t->limit - t->at >= field->key_bytes && memcmp(t->at, field->key, field->key_bytes) == 0;
}

/* Read one line; 1 if it is accepted. order[n] is the field that followed field n - 1 in an earlier line, and
 * order[0] that which came first: it is tried first. */
static int read_line(struct text *t, const struct settings *of, const uint8_t *slots, uint8_t *order,
                     struct line *line)
{
    const uint8_t *end_before = NULL; /* of a value that is written as it was read, with its key */
    uint32_t before = 0;
    uint64_t missing;
    line->seen = 0;
    line->joined = 0;
    skip_blanks(t);
    if (!take(t, '{'))
        return 0;
    do {
        const uint8_t *start;
        int found, whole = 1;
        skip_blanks(t);
        start = t->at;
        if (order[before] < of->field_count && is_next(t, &of->fields[order[before]])) {
            found = order[before];
            t->at += of->fields[found].key_bytes;
        } else {
            const uint8_t *name;
            if (!take(t, '"'))
                return 0;
            name = t->at;
            skip_plain(t);
            found = find(of, slots, name, (size_t)(t->at - name));
            if (!take(t, '"'))
                return 0;
            if (!take(t, ':')) {
                whole = 0;
                skip_blanks(t);
                if (!take(t, ':'))
                    return 0;
            }
            if (found >= 0)
                order[before] = (uint8_t)found;
        }
        if (*t->at <= ' ') {
            whole = 0;
            skip_blanks(t);
        }
        if (found < 0) {
            if (!take_value(t))
                return 0;
            end_before = NULL;
        } else {
            if (!take_field(t, of, (uint32_t)found, line, whole))
                return 0;
            whole = line->values[found].whole;
            if (whole && end_before && start == end_before + 1 && before == (uint32_t)found)
                line->joined |= (uint64_t)1 << found;
            end_before = whole ? t->at : NULL;
            before = (uint32_t)found + 1;
        }
        skip_blanks(t);
    } while (take(t, ','));
    if (!take(t, '}'))
        return 0;
    skip_blanks(t);
    if (t->at != t->end)
        return 0;
    for (missing = ~line->seen & (((uint64_t)1 << of->field_count) - 1); missing; missing &= missing - 1) {
        int number = __builtin_ctzll(missing);
        if (of->fields[number].required)
            return 0;
        is_missing(&line->values[number], of, &of->fields[number]);
    }
    return 1;
}

/* Copy a part of the input, whose memory ends at ``limit``. */
static uint8_t *put_run(uint8_t *out, const uint8_t *start, const uint8_t *end, const uint8_t *limit)
{
    size_t bytes = (size_t)(end - start);
    memcpy(out, start, bytes <= SHORT_BYTES && limit - start >= SHORT_BYTES ? SHORT_BYTES : bytes);
    return out + bytes;
}

/* Write the fields of an accepted line, with a newline, and return its end. Fields that follow each other in the
 * input as they are written are copied together. */
static uint8_t *write_line(uint8_t *out, const struct settings *of, const struct line *line, const uint8_t *limit)
{
    const uint64_t all = ((uint64_t)1 << of->field_count) - 1, written = of->writes & all;
    /* Where a copy ends: at fields that are not joined to the one before, or are not written, or follow such a one. Each
     * bit behind the last field is set. */
    const uint64_t stops = ~line->joined | ~written | ~written << 1;
    uint64_t todo;
    uint8_t separator = '{';
    for (todo = stops & written; todo; todo &= todo - 1) {
        const int number = __builtin_ctzll(todo), last = number + __builtin_ctzll(stops >> number >> 1);
        const struct field *field = &of->fields[number];
        const struct value *value = &line->values[number], *end = &line->values[last];
        *out++ = separator;
        separator = ',';
        if (value->whole) {
            out = put_run(out, value->start - field->key_bytes, end->start + end->bytes, limit);
        } else {
            memcpy(out, field->key, KEY_ROOM);
            out = put(out + field->key_bytes, value->start, value->bytes);
        }
    }
    return put(out, "}\n", 2);
}

/* How much longer than a line its result can be, or the texts of its values in the scratch: each value is copied once,
 * or takes FIELD_EXTRA_BYTES at most. */
static size_t extra_room(const struct settings *of)
{
    size_t room = of->app_bytes + SHORT_BYTES + sizeof "{}\n";
    uint32_t number;
    for (number = 0; number < of->field_count; number++)
        room += of->fields[number].key_bytes + FIELD_EXTRA_BYTES;
    return room;
}

/* What scan_events writes to. */
struct results {
    uint8_t *out;
    uint8_t *scratch;
    uint8_t *keys;  /* ROW_KEY_BYTES for each row */
    uint32_t *ends; /* where each row ends in out; it begins where the row before it ends */
    uint32_t *odd;  /* for each odd line: the number of rows before it, where it begins, where it ends */
    uint8_t *order; /* FIELDS_MAX + 1 bytes, which only scan_events uses; 0 before the first call */
    uint32_t out_bytes;
    uint32_t scratch_bytes;
    uint32_t lines_max;
    uint32_t rows;      /* result: how many lines became rows */
    uint32_t odd_lines; /* result */
};

/* Scan lines, each of which ends with a newline, and write each as it is exported, or note that it is odd.
 *
 * Returns 0; or -1 if the arguments do not belong together, there are more than ``lines_max`` lines, or a buffer is too
 * small, and then the results must not be used.
 */
int32_t scan_events(const struct settings *of, const uint8_t *in, uint32_t in_bytes, struct results *to)
{
    uint8_t slots[SLOTS];
    const uint8_t *limit = in + in_bytes, *next = in;
    uint8_t *at = to->out;
    struct line line;
    uint32_t rows = 0, odd = 0;
    size_t extra;
    if (of->field_count > FIELDS_MAX || in_bytes == 0 || limit[-1] != '\n')
        return -1;
    extra = extra_room(of);
    fill_slots(slots, of);
    line.scratch_limit = to->scratch + to->scratch_bytes;
    while (next < limit) {
        struct text t;
        size_t room;
        t.at = next;
        t.end = memchr(next, '\n', (size_t)(limit - next));
        t.limit = limit;
        room = (size_t)(t.end - next) + extra;
        if (rows + odd == to->lines_max || (size_t)(to->out + to->out_bytes - at) < room || to->scratch_bytes < room)
            return -1;
        line.key = to->keys + (size_t)rows * ROW_KEY_BYTES;
        line.scratch = to->scratch;
        if (read_line(&t, of, slots, to->order, &line)) {
            at = write_line(at, of, &line, limit);
            to->ends[rows++] = (uint32_t)(at - to->out);
        } else {
            uint32_t *place = to->odd + (size_t)odd * 3;
            place[0] = rows;
            place[1] = (uint32_t)(next - in);
            place[2] = (uint32_t)(t.end - in);
            odd++;
        }
        next = t.end + 1;
    }
    to->rows = rows;
    to->odd_lines = odd;
    return 0;
}

/* Return SCAN_SOURCE. */
const char *scan_source(void) { return SCAN_SOURCE; }
