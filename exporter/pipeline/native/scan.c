/* Checks lines of events and writes them as they are exported: the native twin of exporter/pipeline/events.py.
 *
 * Python is the definition. A line is accepted only if every part of it is plainly right; then the result has the
 * bytes that the Python way writes. Any other line is left to the Python way, so to refuse is always correct.
 *
 * The input is hostile. All reading goes through ``struct text``: ``at`` never passes ``end``, and each read of
 * ``*at`` follows a comparison with ``end``. All writing goes to a buffer for which scan_events has checked, line
 * by line, that the longest possible result fits: see extra_room. There is no state, no allocation, no recursion,
 * and nothing beyond memchr, memcmp and memcpy of the C library.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The digest of all sources: a library of another version is not used. */
#ifndef SCAN_SOURCE
#define SCAN_SOURCE "unknown"
#endif

enum kind { STRING, INTEGER, FLOAT, BOOLEAN, TIME, UUID, DICT, TEXTS };

/* One key of the record, in the order of writing. The layout is repeated in scanner.py. */
struct field {
    const uint8_t *name;
    uint32_t name_bytes;
    uint8_t kind;
    uint8_t required;
    uint8_t is_app;
    uint8_t is_upload_time;
};

struct settings {
    const struct field *fields;
    const uint8_t *app;  /* decimal digits */
    const uint8_t *hour; /* HOUR_BYTES: 2020-01-25 17 */
    uint64_t picks; /* one bit for each field that a filter reads */
    uint32_t field_count;
    uint32_t app_bytes;
    uint32_t iso8601;
};

#define FIELDS_MAX 64 /* the bits of picks */
#define ALL_FIELDS UINT64_MAX
#define SLOTS 256 /* a power of two, and a multiple of FIELDS_MAX, so that probing ends */
#define DEPTH_MAX 60
#define HOUR_BYTES 13
#define TIME_BYTES 26
#define UUID_BYTES 36
#define KEY_BYTES 16
#define INTEGER_DIGITS_MAX 18
/* Decimals of so many significant digits each have a double of their own, so the shortest text of that double is
 * the decimal itself. */
#define FLOAT_DIGITS_MAX 15
#define FRACTION_ZEROS_MAX 2
/* What a field takes beyond its name and its value's own bytes: comma, quotes, colon, and at most
 * the 29 bytes of a quoted time. */
#define FIELD_EXTRA_BYTES 40

struct text {
    const uint8_t *at;
    const uint8_t *end;
};

/* A value of the line being read; ``bytes`` is 0 for a key that is missing or null. */
struct value {
    const uint8_t *start;
    uint32_t bytes;
    uint8_t seen;
};

struct line {
    struct value values[FIELDS_MAX];
    uint8_t times[FIELDS_MAX][TIME_BYTES]; /* by field */
    uint8_t uuid[UUID_BYTES];
    uint8_t *key;
};

static int is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

static int hex_digit(uint8_t c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* CR is white space, too, but inside of objects the Python way replaces it: see nested. */
static void skip_blanks(struct text *t)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\t' || *t->at == '\r'))
        t->at++;
}

static int take(struct text *t, uint8_t c)
{
    if (t->at < t->end && *t->at == c) {
        t->at++;
        return 1;
    }
    return 0;
}

static int take_word(struct text *t, const char *word, size_t bytes)
{
    if ((size_t)(t->end - t->at) < bytes || memcmp(t->at, word, bytes) != 0)
        return 0;
    t->at += bytes;
    return 1;
}

static int take_null(struct text *t) { return take_word(t, "null", 4); }

/* Take one character of two to four bytes in UTF-8: no overlong form, no surrogate, nothing above U+10FFFF. */
static int take_utf8(struct text *t)
{
    const uint8_t *s = t->at;
    ptrdiff_t left = t->end - s;
    uint8_t first, second;
    if (left < 2)
        return 0;
    first = s[0];
    second = s[1];
    if ((second & 0xC0) != 0x80)
        return 0;
    if (first >= 0xC2 && first <= 0xDF) {
        t->at += 2;
        return 1;
    }
    if (first >= 0xE0 && first <= 0xEF) {
        if (left < 3 || (s[2] & 0xC0) != 0x80 || (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F))
            return 0;
        t->at += 3;
        return 1;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        if (left < 4 || (s[2] & 0xC0) != 0x80 || (s[3] & 0xC0) != 0x80 || (first == 0xF0 && second < 0x90) ||
            (first == 0xF4 && second > 0x8F))
            return 0;
        t->at += 4;
        return 1;
    }
    return 0;
}

/* Take four hexadecimal digits; -1 if there are fewer. */
static int32_t take_hex4(struct text *t)
{
    int32_t unit = 0;
    int place;
    if (t->end - t->at < 4)
        return -1;
    for (place = 0; place < 4; place++) {
        int digit = hex_digit(t->at[place]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    t->at += 4;
    return unit;
}

/* Take what follows a backslash. Without ``any``, only the escapes that the Python way writes in the same form. */
static int take_escape(struct text *t, int any)
{
    int32_t unit;
    if (t->at >= t->end)
        return 0;
    switch (*t->at++) {
    case '"':
    case '\\':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return 1;
    case '/':
        return any;
    case 'u':
        if (!any)
            return 0;
        unit = take_hex4(t);
        if (unit < 0 || (unit >= 0xDC00 && unit <= 0xDFFF))
            return 0;
        if (unit >= 0xD800 && unit <= 0xDBFF) {
            if (!take(t, '\\') || !take(t, 'u'))
                return 0;
            unit = take_hex4(t);
            return unit >= 0xDC00 && unit <= 0xDFFF;
        }
        return 1;
    default:
        return 0;
    }
}

/* 1 where a byte may be copied without a look: no quote, backslash, control character, or part of a longer one. */
static int is_plain(uint8_t c) { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\'; }

/* Skip plain bytes, eight at a time while as many are left. The bit tricks set the highest bit of each byte that
 * is < 0x20, == '"', == '\\' or >= 0x80. A borrow can set it for a plain byte above such a byte, so only the lowest
 * one counts, which is the first one where the lowest byte of a word comes first. */
static void skip_plain(struct text *t)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    while (t->end - t->at >= 8) {
        uint64_t word, quote, slash, found;
        memcpy(&word, t->at, 8);
        quote = word ^ (ones * '"');
        slash = word ^ (ones * '\\');
        found = (word | (word - ones * 0x20) | (quote - ones) | (slash - ones)) & highs;
        if (found) {
            t->at += __builtin_ctzll(found) / 8;
            return;
        }
        t->at += 8;
    }
#endif
    while (t->at < t->end && is_plain(*t->at))
        t->at++;
}

/* Take the rest of a string after its opening quote, with the closing one. */
static int take_string(struct text *t, int any_escape)
{
    for (;;) {
        skip_plain(t);
        if (t->at >= t->end)
            return 0;
        if (*t->at == '"') {
            t->at++;
            return 1;
        }
        if (*t->at == '\\') {
            t->at++;
            if (!take_escape(t, any_escape))
                return 0;
        } else if (*t->at < 0x80 || !take_utf8(t)) {
            return 0;
        }
    }
}

static uint32_t take_digits(struct text *t)
{
    const uint8_t *start = t->at;
    while (t->at < t->end && is_digit(*t->at))
        t->at++;
    return t->at - start > 1000 ? 1001 : (uint32_t)(t->at - start);
}

/* Take any JSON number, of at most 1,000 digits in each of its parts. */
static int take_number(struct text *t)
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

static int take_scalar(struct text *t)
{
    if (t->at >= t->end)
        return 0;
    switch (*t->at) {
    case '"':
        t->at++;
        return take_string(t, 1);
    case 't':
        return take_word(t, "true", 4);
    case 'f':
        return take_word(t, "false", 5);
    case 'n':
        return take_null(t);
    default:
        return take_number(t);
    }
}

/* Inside of values that are kept, a CR is replaced by the Python way, so it is not taken as white space. */
static void skip_spaces(struct text *t)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\t'))
        t->at++;
}

static int take_key(struct text *t)
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
static int take_value(struct text *t)
{
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
            if (depth == 0)
                return 1;
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

/* Take a string, or an array of strings without blanks, as the Python way writes it. */
static int take_texts(struct text *t)
{
    if (take(t, '"'))
        return take_string(t, 0);
    if (!take(t, '['))
        return 0;
    if (take(t, ']'))
        return 1;
    do {
        if (!take(t, '"') || !take_string(t, 0))
            return 0;
    } while (take(t, ','));
    return take(t, ']');
}

static int take_integer(struct text *t)
{
    const uint8_t *start;
    int negative = take(t, '-');
    uint32_t digits;
    start = t->at;
    digits = take_digits(t);
    if (digits == 0 || digits > INTEGER_DIGITS_MAX)
        return 0;
    return start[0] != '0' || (digits == 1 && !negative);
}

/* Take a number with a fraction that is the shortest text of its double, without an exponent. */
static int take_float(struct text *t)
{
    const uint8_t *whole, *fraction;
    uint32_t whole_digits, fraction_digits, zeros = 0;
    take(t, '-');
    whole = t->at;
    whole_digits = take_digits(t);
    if (whole_digits == 0 || (whole[0] == '0' && whole_digits > 1) || !take(t, '.'))
        return 0;
    fraction = t->at;
    fraction_digits = take_digits(t);
    if (fraction_digits == 0 || whole_digits + fraction_digits > FLOAT_DIGITS_MAX)
        return 0;
    if (fraction_digits > 1 && fraction[fraction_digits - 1] == '0')
        return 0;
    if (whole[0] == '0') {
        while (zeros < fraction_digits && fraction[zeros] == '0')
            zeros++;
        if (zeros > FRACTION_ZEROS_MAX || zeros == fraction_digits)
            return 0;
    }
    return 1;
}

static int two(const uint8_t *s) { return (s[0] - '0') * 10 + (s[1] - '0'); }

/* Take a time in UTC and write its canonical form of TIME_BYTES. */
static int take_time(struct text *t, uint8_t *canonical)
{
    static const char form[] = "dddd-dd-dd?dd:dd:dd";
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const uint8_t *s = t->at;
    int place, year, month, day, last;
    if (t->end - s < (ptrdiff_t)sizeof form - 1)
        return 0;
    for (place = 0; place < (int)sizeof form - 1; place++) {
        if (form[place] == 'd' ? !is_digit(s[place])
            : form[place] == '?' ? s[place] != ' ' && s[place] != 'T'
                                 : s[place] != (uint8_t)form[place])
            return 0;
    }
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
    memcpy(canonical, s, sizeof form - 1);
    canonical[10] = ' ';
    memcpy(canonical + 19, ".000000", 7);
    t->at += sizeof form - 1;
    if (take(t, '.')) {
        const uint8_t *fraction = t->at;
        uint32_t digits = take_digits(t);
        if (digits == 0 || digits > 9)
            return 0;
        memcpy(canonical + 20, fraction, digits < 6 ? digits : 6);
    }
    take(t, 'Z');
    return take(t, '"');
}

/* Take a UUID with hyphens; write its text in lower case, and its 16 bytes. */
static int take_uuid(struct text *t, uint8_t *lower, uint8_t *key)
{
    const uint8_t *s = t->at;
    int place, digits = 0;
    if (t->end - s < UUID_BYTES)
        return 0;
    for (place = 0; place < UUID_BYTES; place++) {
        if (place == 8 || place == 13 || place == 18 || place == 23) {
            if (s[place] != '-')
                return 0;
            lower[place] = '-';
        } else {
            int digit = hex_digit(s[place]);
            if (digit < 0)
                return 0;
            lower[place] = (uint8_t)(digit < 10 ? '0' + digit : 'a' + digit - 10);
            key[digits / 2] = (uint8_t)(digits % 2 ? key[digits / 2] | digit : digit << 4);
            digits++;
        }
    }
    t->at += UUID_BYTES;
    return take(t, '"');
}

/* Take the value of a known key. */
static int take_field(struct text *t, const struct settings *of, uint32_t number, struct line *line)
{
    const struct field *field = &of->fields[number];
    struct value *value = &line->values[number];
    int fits;
    if (value->seen)
        return 0;
    value->seen = 1;
    if (!field->required && take_null(t))
        return 1;
    value->start = t->at;
    switch (field->kind) {
    case STRING:
        fits = take(t, '"') && take_string(t, 0);
        break;
    case INTEGER:
        fits = take_integer(t);
        break;
    case FLOAT:
        fits = take_float(t);
        break;
    case BOOLEAN:
        fits = take_word(t, "true", 4) || take_word(t, "false", 5);
        break;
    case TIME:
        if (!take(t, '"'))
            return 0;
        if (!field->required && take(t, '"'))
            return 1;
        fits = take_time(t, line->times[number]);
        if (fits && field->is_upload_time)
            fits = memcmp(line->times[number], of->hour, HOUR_BYTES) == 0;
        break;
    case UUID:
        fits = take(t, '"') && take_uuid(t, line->uuid, line->key);
        break;
    case DICT:
        fits = t->at < t->end && *t->at == '{' && take_value(t);
        break;
    case TEXTS:
        fits = take_texts(t);
        break;
    default:
        return 0;
    }
    if (!fits || t->at - value->start > INT32_MAX)
        return 0;
    value->bytes = (uint32_t)(t->at - value->start);
    if (field->is_app)
        return value->bytes == of->app_bytes && memcmp(value->start, of->app, of->app_bytes) == 0;
    return 1;
}

static uint32_t slot_of(const uint8_t *name, size_t bytes)
{
    uint32_t hash = 2166136261u;
    size_t place;
    for (place = 0; place < bytes; place++)
        hash = (hash ^ name[place]) * 16777619u;
    return (hash ^ hash >> 15) & (SLOTS - 1);
}

static int is_name(const struct field *field, const uint8_t *name, size_t bytes)
{
    return field->name_bytes == bytes && memcmp(field->name, name, bytes) == 0;
}

/* Return the number of the field, or -1. ``expected`` is tried first: keys mostly come in the order of writing. */
static int find(const struct settings *of, const uint8_t *slots, uint32_t expected, const uint8_t *name, size_t bytes)
{
    uint32_t slot;
    if (expected < of->field_count && is_name(&of->fields[expected], name, bytes))
        return (int)expected;
    /* At most FIELDS_MAX of the SLOTS are taken, so there is always an empty one. */
    for (slot = slot_of(name, bytes); slots[slot]; slot = (slot + 1) & (SLOTS - 1)) {
        if (is_name(&of->fields[slots[slot] - 1], name, bytes))
            return slots[slot] - 1;
    }
    return -1;
}

/* Read one line; 1 if it is accepted. */
static int read_line(struct text *t, const struct settings *of, const uint8_t *slots, struct line *line)
{
    uint32_t expected = 0, number;
    memset(line->values, 0, sizeof line->values);
    skip_blanks(t);
    if (!take(t, '{'))
        return 0;
    do {
        const uint8_t *name;
        int found;
        skip_blanks(t);
        if (!take(t, '"'))
            return 0;
        name = t->at;
        skip_plain(t);
        found = find(of, slots, expected, name, (size_t)(t->at - name));
        if (!take(t, '"'))
            return 0;
        skip_blanks(t);
        if (!take(t, ':'))
            return 0;
        skip_blanks(t);
        if (found < 0 ? !take_value(t) : !take_field(t, of, (uint32_t)found, line))
            return 0;
        if (found >= 0)
            expected = (uint32_t)found + 1;
        skip_blanks(t);
    } while (take(t, ','));
    if (!take(t, '}'))
        return 0;
    skip_blanks(t);
    if (t->at != t->end)
        return 0;
    for (number = 0; number < of->field_count; number++) {
        if (of->fields[number].required && !line->values[number].seen)
            return 0;
    }
    return 1;
}

static uint8_t *put(uint8_t *out, const void *bytes, size_t count)
{
    memcpy(out, bytes, count);
    return out + count;
}

/* Write these fields of an accepted line, with a newline, and return its end. */
static uint8_t *write_line(uint8_t *out, const struct settings *of, const struct line *line, uint64_t fields,
                           int iso8601)
{
    uint32_t number;
    int more = 0;
    *out++ = '{';
    for (number = 0; number < of->field_count; number++) {
        const struct field *field = &of->fields[number];
        const struct value *value = &line->values[number];
        if (!(fields >> number & 1))
            continue;
        if (more)
            *out++ = ',';
        more = 1;
        *out++ = '"';
        out = put(out, field->name, field->name_bytes);
        out = put(out, "\":", 2);
        if (value->bytes == 0) {
            if (field->is_app)
                out = put(out, of->app, of->app_bytes);
            else if (field->kind == DICT)
                out = put(out, "{}", 2);
            else
                out = put(out, "null", 4);
        } else if (field->kind == TIME) {
            *out++ = '"';
            out = put(out, line->times[number], TIME_BYTES);
            if (iso8601) {
                out[10 - TIME_BYTES] = 'T';
                *out++ = 'Z';
            }
            *out++ = '"';
        } else if (field->kind == UUID) {
            *out++ = '"';
            out = put(out, line->uuid, UUID_BYTES);
            *out++ = '"';
        } else {
            out = put(out, value->start, value->bytes);
        }
    }
    return put(out, "}\n", 2);
}

/* How much longer than a line its result can be: each value is copied once, or takes FIELD_EXTRA_BYTES at most. */
static size_t extra_room(const struct settings *of)
{
    size_t room = of->app_bytes + sizeof "{}\n";
    uint32_t number;
    for (number = 0; number < of->field_count; number++)
        room += of->fields[number].name_bytes + FIELD_EXTRA_BYTES;
    return room;
}

/* Scan ``count`` lines that are joined with newlines.
 *
 * ends[i] becomes the place in ``out`` where the result of line i ends; it begins where that of line i - 1 ends, and is
 * empty for an odd line: one that the Python way has to read. If there are picks, their fields follow each result as an
 * object of their own, with canonical times, up to picked[i], which is where the next result begins. keys has KEY_BYTES
 * for each line. Returns the number of
 * odd lines; or -1 if the arguments do not belong together or ``out`` is too small, and then the results must not be
 * used.
 */
int32_t scan_events(const struct settings *of, const uint8_t *in, uint32_t in_bytes, uint8_t *out, uint32_t out_bytes,
                    uint32_t count, uint32_t *ends, uint32_t *picked, uint8_t *keys)
{
    uint8_t slots[SLOTS] = {0};
    const uint8_t *in_end = in + in_bytes;
    uint8_t *at = out;
    struct line line;
    uint32_t number, odd = 0;
    int more = 1;
    size_t extra;
    if (of->field_count > FIELDS_MAX)
        return -1;
    extra = extra_room(of);
    for (number = 0; number < of->field_count; number++) {
        uint32_t slot = slot_of(of->fields[number].name, of->fields[number].name_bytes);
        while (slots[slot])
            slot = (slot + 1) & (SLOTS - 1);
        slots[slot] = (uint8_t)(number + 1);
    }
    for (number = 0; number < count; number++) {
        struct text t;
        const uint8_t *newline;
        if (!more)
            return -1;
        newline = memchr(in, '\n', (size_t)(in_end - in));
        t.at = in;
        t.end = newline ? newline : in_end;
        if ((size_t)(out + out_bytes - at) < ((size_t)(t.end - t.at) + extra) * (of->picks ? 2 : 1))
            return -1;
        line.key = keys + (size_t)number * KEY_BYTES;
        more = newline != NULL;
        in = more ? newline + 1 : in_end;
        if (read_line(&t, of, slots, &line)) {
            at = write_line(at, of, &line, ALL_FIELDS, (int)of->iso8601);
            ends[number] = (uint32_t)(at - out);
            if (of->picks)
                at = write_line(at, of, &line, of->picks, 0);
        } else {
            odd++;
            ends[number] = (uint32_t)(at - out);
        }
        if (of->picks)
            picked[number] = (uint32_t)(at - out);
    }
    return more || odd > INT32_MAX ? -1 : (int32_t)odd;
}

/* Return SCAN_SOURCE. */
const char *scan_source(void) { return SCAN_SOURCE; }
