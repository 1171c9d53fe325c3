/* gzip (RFC 1952) by zlib: the members of a file, one after the other, as one run of bytes. */
#include "format/format.h"

#include <string.h>
#include <zlib.h>

#include "base/memory.h"

enum {
    GZIP_WINDOW = 15 + 16, /* zlib: the largest window, a gzip wrapper with its checksum */
    MOST_RATIO = 1032,     /* deflate codes at most 258 bytes in two bits, 1032 to one */
    CHUNK = 1 << 30        /* zlib counts in 32 bits */
};

typedef struct inflater {
    z_stream stream;
    const cn_bytes *packed;
    size_t taken; /* bytes handed to zlib so far */
    bool ended;   /* the last member's end is behind us */
    const char *source;
} inflater;

static void *zlib_allocate(void *unused, unsigned count, unsigned size)
{
    (void)unused;
    return cn_new(count, size, NULL);
}

static void zlib_release(void *unused, void *memory)
{
    (void)unused;
    cn_free(memory);
}

static cinch_status inflater_open(inflater *in, const cn_bytes *packed, const char *source,
                                  cinch_error *error)
{
    *in = (inflater){.packed = packed, .source = source};
    in->stream.zalloc = zlib_allocate;
    in->stream.zfree = zlib_release;
    if (inflateInit2(&in->stream, GZIP_WINDOW) != Z_OK)
        return cn_fail(error, CINCH_MEMORY, "%s: not enough memory to unpack it", source);
    return CINCH_OK;
}

static void inflater_close(inflater *in)
{
    inflateEnd(&in->stream);
}

static void feed(inflater *in)
{
    size_t rest = in->packed->nbytes - in->taken;
    size_t chunk = rest < CHUNK ? rest : CHUNK;

    if (in->stream.avail_in == 0 && chunk > 0) {
        in->stream.next_in = in->packed->data + in->taken;
        in->stream.avail_in = (unsigned)chunk;
        in->taken += chunk;
    }
}

/* After a member: the file's end, or another member. What is neither is left over and refused. */
static cinch_status next_member(inflater *in, cinch_error *error)
{
    size_t at = in->taken - in->stream.avail_in;

    if (at == in->packed->nbytes) {
        in->ended = true;
        return CINCH_OK;
    }
    if (!cn_gzip_probe(in->packed->data + at, in->packed->nbytes - at))
        return cn_fail(error, CINCH_BAD_INPUT, "%s: %zu bytes are left over after the gzip data", in->source,
                       in->packed->nbytes - at);
    inflateReset(&in->stream);
    return CINCH_OK;
}

static cinch_status refuse_stream(const inflater *in, int result, cinch_error *error)
{
    if (result == Z_MEM_ERROR)
        return cn_fail(error, CINCH_MEMORY, "%s: not enough memory to unpack it", in->source);
    if (result == Z_BUF_ERROR)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: the gzip data is cut short; fetch the file again",
                       in->source);
    return cn_fail(error, CINCH_BAD_INPUT, "%s: the gzip data is damaged (%s); fetch the file again",
                   in->source, in->stream.msg != NULL ? in->stream.msg : "a preset dictionary");
}

/* Fills `room` bytes, or fewer where the file ends before. */
static cinch_status inflate_some(inflater *in, unsigned char *plain, size_t room, size_t *nbytes,
                                 cinch_error *error)
{
    *nbytes = 0;
    while (*nbytes < room && !in->ended) {
        size_t rest = room - *nbytes;
        unsigned chunk = (unsigned)(rest < CHUNK ? rest : CHUNK);

        feed(in);
        in->stream.next_out = plain + *nbytes;
        in->stream.avail_out = chunk;
        int result = inflate(&in->stream, Z_NO_FLUSH);
        *nbytes += chunk - in->stream.avail_out;

        cinch_status status = CINCH_OK;
        if (result == Z_STREAM_END)
            status = next_member(in, error);
        else if (result != Z_OK)
            status = refuse_stream(in, result, error);
        if (status != CINCH_OK)
            return status;
    }
    return CINCH_OK;
}

bool cn_gzip_probe(const unsigned char *head, size_t nbytes)
{
    return nbytes >= 3 && head[0] == 0x1f && head[1] == 0x8b && head[2] == 8;
}

cinch_status cn_gzip_head(const cn_bytes *packed, unsigned char *head, size_t room, size_t *nbytes,
                          const cn_format_options *options, cinch_error *error)
{
    inflater in;
    cinch_status status = inflater_open(&in, packed, options->source, error);

    if (status != CINCH_OK)
        return status;
    status = inflate_some(&in, head, room, nbytes, error);
    inflater_close(&in);
    return status;
}

/* How many bytes the whole file holds, counted to one more than `most` at the utmost. */
static cinch_status measure(const cn_bytes *packed, size_t most, const char *source, size_t *total,
                            cinch_error *error)
{
    unsigned char scratch[1 << 15];
    inflater in;
    size_t nbytes = 1;
    cinch_status status = inflater_open(&in, packed, source, error);

    *total = 0;
    if (status != CINCH_OK)
        return status;
    while (status == CINCH_OK && nbytes > 0 && *total <= most) {
        status = inflate_some(&in, scratch, sizeof scratch, &nbytes, error);
        *total += nbytes;
    }
    inflater_close(&in);
    return status;
}

/* Inflates exactly `expected` bytes: one more is asked for, so that the last checksum is read and an
 * overlong file is found out. */
static cinch_status inflate_exactly(const cn_bytes *packed, size_t expected, const char *source,
                                    cn_bytes *plain, cinch_error *error)
{
    inflater in;
    unsigned char more;
    size_t nmore = 0;
    cinch_status status = inflater_open(&in, packed, source, error);

    if (status != CINCH_OK)
        return status;
    status = inflate_some(&in, plain->data, expected, &plain->nbytes, error);
    if (status == CINCH_OK)
        status = inflate_some(&in, &more, 1, &nmore, error);
    inflater_close(&in);
    if (status == CINCH_OK && plain->nbytes < expected)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: is cut short: its header claims %zu bytes, it holds %zu",
                       source, expected, plain->nbytes);
    if (status == CINCH_OK && nmore > 0)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: holds more than the %zu bytes that its header claims",
                       source, expected);
    return status;
}

/* The size to allocate: the claim where it is small, else what was counted. */
static cinch_status credible_size(const cn_bytes *packed, size_t claimed, const cn_format_options *options,
                                  size_t *expected, cinch_error *error)
{
    const cn_limits *limits = options->limits;
    size_t most;

    *expected = claimed;
    if (claimed > limits->file_bytes)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: its header claims %zu bytes; at most %zu are read",
                       options->source, claimed, limits->file_bytes);
    if (cn_multiply(packed->nbytes, MOST_RATIO, &most) && claimed > most)
        return cn_fail(error, CINCH_BAD_INPUT,
                       "%s: its header claims %zu bytes, more than %zu gzipped bytes can hold",
                       options->source, claimed, packed->nbytes);
    if (claimed != 0 && claimed <= limits->free_bytes + packed->nbytes)
        return CINCH_OK;

    cinch_status status =
        measure(packed, claimed != 0 ? claimed : limits->file_bytes, options->source, expected, error);
    if (status == CINCH_OK && *expected > limits->file_bytes)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: inflates to more than %zu bytes, the most that is read",
                       options->source, limits->file_bytes);
    if (status == CINCH_OK && claimed != 0 && *expected != claimed)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: its header claims %zu bytes, it holds %s",
                       options->source, claimed, *expected < claimed ? "fewer: it is cut short" : "more");
    return status;
}

cinch_status cn_gzip_inflate(const cn_bytes *packed, size_t claimed, const cn_format_options *options,
                             cn_bytes *plain, cinch_error *error)
{
    size_t expected;

    *plain = (cn_bytes){NULL, 0};
    cinch_status status = credible_size(packed, claimed, options, &expected, error);
    if (status != CINCH_OK)
        return status;
    plain->data = cn_new(expected, 1, error);
    if (plain->data == NULL)
        return CINCH_MEMORY;
    status = inflate_exactly(packed, expected, options->source, plain, error);
    if (status != CINCH_OK)
        cn_bytes_clear(plain);
    return status;
}
