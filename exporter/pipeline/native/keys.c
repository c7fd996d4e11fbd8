/* Sets of row keys: the native twin of exporter/pipeline/key_set.py, which is the definition.
 *
 * A key has 16 bytes. An exact set stores the keys themselves. An approximate set stores a few bytes of a keyed hash of
 * each: it holds every key that was added and, by chance, some others.
 *
 * A set has 256 tables. The table of a key is its partition: the low byte of its CRC-32, as zlib computes it, so that it
 * is the same in every process. A table has places of a fixed size, searched from the one that a keyed hash names, and
 * grows by half when it is nearly full: there is never a copy of the whole set. The keys are hostile, so the hash is
 * SipHash-1-3 with a secret of the process: keys cannot be chosen that share their places. They can be chosen to share
 * a partition, which costs no time, but the memory of one large table while it grows.
 *
 * Zeros mark a free place. The key of zeros is therefore not stored in a place: ``zero`` says whether it was added. Every
 * index is below ``places``, and at least one place is free, so that each search ends.
 */
#if !defined(_WIN32)
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#define _DARWIN_C_SOURCE
#include <sys/mman.h>
#endif
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES 16
#define PARTITIONS 256
#define HASH_BYTES_MAX 8
#define PLACES_MIN 8
#define PLACES_MAX (UINT32_C(1) << 27) /* of one table: 2 GiB of keys */
#define MAPPED_BYTES_MIN (16 * 1024)
#define AHEAD 16 /* keys whose places are fetched into the cache together */
#define CRC_POLYNOMIAL UINT32_C(0xEDB88320)

static const uint8_t ZEROS[KEY_BYTES];

struct table {
    uint8_t *at;
    uint32_t places;
    uint32_t taken;
};

struct keys {
    uint64_t secret[2];
    uint32_t width; /* bytes of a place: KEY_BYTES, or those of a hash */
    uint8_t zero;
    uint8_t zero_partition;
    uint8_t crc[KEY_BYTES][256];
    struct table tables[PARTITIONS];
};

static int is_zero(const uint8_t *key) { return !memcmp(key, ZEROS, KEY_BYTES); }

static int is_free(const struct keys *set, const uint8_t *at) { return !memcmp(at, ZEROS, set->width); }

static uint32_t least(uint32_t one, uint32_t other) { return one < other ? one : other; }

static uint64_t rotated(uint64_t value, int bits) { return (value << bits) | (value >> (64 - bits)); }

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotated(v[1], 13) ^ v[0];
    v[0] = rotated(v[0], 32);
    v[2] += v[3];
    v[3] = rotated(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotated(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotated(v[1], 17) ^ v[2];
    v[2] = rotated(v[2], 32);
}

/* Return so many bytes of zeros; NULL if there is no memory. Large tables come from the system, and go back to it as
 * soon as they are freed: from the heap they would leave gaps, into which those of the next set do not fit. */
static uint8_t *new_memory(size_t bytes)
{
#if !defined(_WIN32)
    if (bytes >= MAPPED_BYTES_MIN) {
        void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return at == MAP_FAILED ? NULL : at;
    }
#endif
    return calloc(bytes, 1);
}

static void free_memory(uint8_t *at, size_t bytes)
{
#if !defined(_WIN32)
    if (bytes >= MAPPED_BYTES_MIN) {
        munmap(at, bytes);
        return;
    }
#endif
    (void)bytes;
    free(at);
}

/* SipHash-1-3 of a key. Bytes are read in the order of the processor: hashes are not compared across processes. */
static uint64_t hash_of(const struct keys *set, const uint8_t *key)
{
    uint64_t words[3] = {0, 0, (uint64_t)KEY_BYTES << 56};
    uint64_t v[4] = {
        set->secret[0] ^ UINT64_C(0x736f6d6570736575),
        set->secret[1] ^ UINT64_C(0x646f72616e646f6d),
        set->secret[0] ^ UINT64_C(0x6c7967656e657261),
        set->secret[1] ^ UINT64_C(0x7465646279746573),
    };
    int number;
    memcpy(words, key, KEY_BYTES);
    for (number = 0; number < 3; number++) {
        v[3] ^= words[number];
        sip_round(v);
        v[0] ^= words[number];
    }
    v[2] ^= 0xff;
    for (number = 0; number < 3; number++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Fill ``crc``: the low byte of the CRC of a key is the exclusive or of one entry for each of its bytes. */
static void make_crc(struct keys *set)
{
    uint32_t one[256], all[256], value, constant = UINT32_MAX;
    int bit, position;
    for (value = 0; value < 256; value++) {
        uint32_t crc = value;
        for (bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) ? CRC_POLYNOMIAL : 0);
        one[value] = all[value] = crc;
    }
    for (position = KEY_BYTES - 1; position >= 0; position--) {
        for (value = 0; value < 256; value++) {
            set->crc[position][value] = (uint8_t)all[value];
            all[value] = (all[value] >> 8) ^ one[all[value] & 0xff];
        }
        constant = (constant >> 8) ^ one[constant & 0xff];
    }
    /* The register begins with ones, and its ones and zeros are exchanged at the end. */
    set->zero_partition = (uint8_t)~constant;
    for (value = 0; value < 256; value++)
        set->crc[0][value] ^= set->zero_partition;
}

static uint8_t partition_of(const struct keys *set, const uint8_t *key)
{
    uint8_t found = 0;
    int position;
    for (position = 0; position < KEY_BYTES; position++)
        found ^= set->crc[position][key[position]];
    return found;
}

/* Return where the search begins, by the upper half of a hash. */
static size_t first_place(const struct table *table, uint64_t hash)
{
    return (size_t)(((hash >> 32) * table->places) >> 32);
}

/* Return the place that holds these bytes, or the free one that the search for them ends at. */
static uint8_t *find(const struct table *table, uint32_t width, uint64_t hash, const uint8_t *bytes)
{
    size_t place = first_place(table, hash);
    for (;;) {
        uint8_t *at = table->at + place * width;
        if (!memcmp(at, bytes, width) || !memcmp(at, ZEROS, width))
            return at;
        if (++place == table->places)
            place = 0;
    }
}

/* The same for the two widths of the product, whose comparisons the compiler turns into a few instructions. */
static uint8_t *place_of(const struct keys *set, const struct table *table, uint64_t hash, const uint8_t *bytes)
{
    if (set->width == KEY_BYTES)
        return find(table, KEY_BYTES, hash, bytes);
    if (set->width == 6)
        return find(table, 6, hash, bytes);
    return find(table, set->width, hash, bytes);
}

/* Return the hash that places go by. ``stored`` becomes what a place holds of the key; it is not all zeros, unless the
 * set is exact and the key is. */
static uint64_t stored_of(const struct keys *set, const uint8_t *key, uint8_t *stored)
{
    uint64_t hash = hash_of(set, key);
    uint32_t number;
    if (set->width == KEY_BYTES) {
        memcpy(stored, key, KEY_BYTES);
        return hash;
    }
    /* Only what is stored: the place of it is found again when the table grows. */
    hash &= UINT64_MAX << (8 * (HASH_BYTES_MAX - set->width));
    if (!hash)
        hash = UINT64_C(1) << 63;
    for (number = 0; number < set->width; number++)
        stored[number] = (uint8_t)(hash >> (56 - 8 * number));
    return hash;
}

/* Return the hash of what a place holds. */
static uint64_t hash_at(const struct keys *set, const uint8_t *at)
{
    uint64_t hash = 0;
    uint32_t number;
    if (set->width == KEY_BYTES)
        return hash_of(set, at);
    for (number = 0; number < set->width; number++)
        hash |= (uint64_t)at[number] << (56 - 8 * number);
    return hash;
}

/* Make a table larger by half; return 0 if there is no memory for it, and leave it as it is. */
static int grow(const struct keys *set, struct table *table)
{
    struct table larger = *table;
    uint32_t place;
    larger.places = table->places ? table->places + table->places / 2 : PLACES_MIN;
    if (larger.places > PLACES_MAX)
        return 0;
    larger.at = new_memory((size_t)larger.places * set->width);
    if (!larger.at)
        return 0;
    for (place = 0; place < table->places; place++) {
        const uint8_t *at = table->at + (size_t)place * set->width;
        if (!is_free(set, at))
            memcpy(place_of(set, &larger, hash_at(set, at), at), at, set->width);
    }
    free_memory(table->at, (size_t)table->places * set->width);
    *table = larger;
    return 1;
}

/* Return a new set; NULL if there is no memory for it. ``width`` is KEY_BYTES for an exact set, and 1 to HASH_BYTES_MAX
 * bytes of a hash for an approximate one. */
struct keys *keys_new(uint64_t first_secret, uint64_t second_secret, uint32_t width)
{
    struct keys *set;
    if (width != KEY_BYTES && (width < 1 || width > HASH_BYTES_MAX))
        return NULL;
    set = calloc(1, sizeof *set);
    if (!set)
        return NULL;
    set->secret[0] = first_secret;
    set->secret[1] = second_secret;
    set->width = width;
    make_crc(set);
    return set;
}

void keys_free(struct keys *set)
{
    int number;
    for (number = 0; number < PARTITIONS; number++)
        free_memory(set->tables[number].at, (size_t)set->tables[number].places * set->width);
    free(set);
}

/* A key that is looked for: its table, the hash that places go by, and what a place holds of it. */
struct wanted {
    struct table *table;
    uint64_t hash;
    uint8_t stored[KEY_BYTES];
};

/* Prepare for ``count`` keys, AHEAD at most: memory that is far away is asked for, for all of them at once. */
static void look_ahead(struct keys *set, const uint8_t *keys, uint32_t count, struct wanted *wanted)
{
    uint32_t number;
    for (number = 0; number < count; number++, keys += KEY_BYTES) {
        struct wanted *each = &wanted[number];
        each->table = &set->tables[partition_of(set, keys)];
        each->hash = stored_of(set, keys, each->stored);
        if (each->table->places)
            __builtin_prefetch(each->table->at + first_place(each->table, each->hash) * set->width);
    }
}

/* Add ``count`` joined keys in their order. A flag becomes 1 if its key is new, else 0. Return how many are new; -1 if
 * there is no memory: then some of the keys may have been added. */
int64_t keys_add(struct keys *set, const uint8_t *keys, uint32_t count, uint8_t *flags)
{
    struct wanted wanted[AHEAD];
    int64_t added = 0;
    uint32_t number;
    for (number = 0; number < count; number++) {
        const struct wanted *each = &wanted[number % AHEAD];
        uint8_t *at;
        if (number % AHEAD == 0)
            look_ahead(set, keys + (size_t)number * KEY_BYTES, least(count - number, AHEAD), wanted);
        if (set->width == KEY_BYTES && is_zero(each->stored)) {
            flags[number] = !set->zero;
            set->zero = 1;
        } else {
            /* Full at seven eighths. A table without places has none free. */
            struct table *table = each->table;
            if (table->taken >= table->places - table->places / 8 && !grow(set, table))
                return -1;
            at = place_of(set, table, each->hash, each->stored);
            flags[number] = (uint8_t)is_free(set, at);
            if (flags[number]) {
                memcpy(at, each->stored, set->width);
                table->taken++;
            }
        }
        added += flags[number];
    }
    return added;
}

/* Find ``count`` joined keys. A flag becomes 1 if the set holds its key, else 0. Return how many it holds. */
int64_t keys_find(struct keys *set, const uint8_t *keys, uint32_t count, uint8_t *flags)
{
    struct wanted wanted[AHEAD];
    int64_t found = 0;
    uint32_t number;
    for (number = 0; number < count; number++) {
        const struct wanted *each = &wanted[number % AHEAD];
        if (number % AHEAD == 0)
            look_ahead(set, keys + (size_t)number * KEY_BYTES, least(count - number, AHEAD), wanted);
        if (set->width == KEY_BYTES && is_zero(each->stored))
            flags[number] = set->zero;
        else
            flags[number] =
                each->table->places && !is_free(set, place_of(set, each->table, each->hash, each->stored));
        found += flags[number];
    }
    return found;
}

/* Return how many keys a partition holds; of an approximate set, how many hashes. */
uint64_t keys_count(const struct keys *set, uint8_t partition)
{
    return (uint64_t)set->tables[partition].taken + (set->zero && partition == set->zero_partition);
}

/* Write the keys of a partition of an exact set, joined, to ``out``, which has room for keys_count of them. */
void keys_take(const struct keys *set, uint8_t partition, uint8_t *out)
{
    const struct table *table = &set->tables[partition];
    uint32_t place;
    if (set->zero && partition == set->zero_partition) {
        memset(out, 0, KEY_BYTES);
        out += KEY_BYTES;
    }
    for (place = 0; place < table->places; place++) {
        const uint8_t *at = table->at + (size_t)place * KEY_BYTES;
        if (!is_free(set, at)) {
            memcpy(out, at, KEY_BYTES);
            out += KEY_BYTES;
        }
    }
}
