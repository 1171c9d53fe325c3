/* NPY, numpy's own format (NEP 1): magic, version, a Python dictionary that says type, order and shape,
 * values. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "format/bytes.h"
#include "format/format.h"

enum { MAGIC_BYTES = 6, NPY_ALIGNMENT = 64, WORD_ROOM = 64 };

static const char npy_magic[MAGIC_BYTES + 1] = "\x93NUMPY";

typedef struct npy_type {
    const char *code; /* what follows the byte order */
    cinch_type type;
} npy_type;

static const npy_type npy_types[] = {
    {"b1", CINCH_BOOL}, {"u1", CINCH_U8},  {"i1", CINCH_I8},  {"u2", CINCH_U16},
    {"i2", CINCH_I16},  {"u4", CINCH_U32}, {"i4", CINCH_I32}, {"u8", CINCH_U64},
    {"i8", CINCH_I64},  {"f2", CINCH_F16}, {"f4", CINCH_F32}, {"f8", CINCH_F64},
};

typedef struct npy_head {
    size_t text_at, text_length; /* the dictionary */
    cinch_type type;
    bool native, fortran;
    cinch_shape shape;
    size_t values_at, nbytes; /* of the values; the whole file's */
} npy_head;

/* ---- The dictionary, a Python literal ------------------------------------------------------------------ */

typedef struct reader {
    const char *at, *end;
    const cn_format_options *options;
    cinch_error *error;
} reader;

static cinch_status refuse(reader *in, const char *what)
{
    return cn_fail(in->error, CINCH_BAD_INPUT, "%s: NPY header: %s", in->options->source, what);
}

static void skip_blanks(reader *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t' || *in->at == '\n' || *in->at == '\r'))
        in->at++;
}

static bool take(reader *in, char c)
{
    skip_blanks(in);
    if (in->at == in->end || *in->at != c)
        return false;
    in->at++;
    return true;
}

/* A Python string without escapes. */
static cinch_status read_string(reader *in, char word[WORD_ROOM])
{
    skip_blanks(in);
    if (in->at == in->end || (*in->at != '\'' && *in->at != '"'))
        return refuse(in, "a string is missing");
    const char quote = *in->at++;
    size_t length = 0;
    while (in->at < in->end && *in->at != quote && *in->at != '\\' && length < WORD_ROOM - 1)
        word[length++] = *in->at++;
    word[length] = '\0';
    if (in->at == in->end || *in->at != quote)
        return refuse(in, "a string is too long or not closed");
    in->at++;
    return CINCH_OK;
}

static bool take_word(reader *in, const char *word)
{
    size_t length = strlen(word);

    skip_blanks(in);
    if ((size_t)(in->end - in->at) < length || memcmp(in->at, word, length) != 0)
        return false;
    in->at += length;
    return true;
}

static cinch_status read_order(reader *in, npy_head *npy)
{
    npy->fortran = take_word(in, "True");
    if (!npy->fortran && !take_word(in, "False"))
        return refuse(in, "fortran_order is neither True nor False");
    return CINCH_OK;
}

static cinch_status read_size(reader *in, size_t *size)
{
    const char *begin;

    skip_blanks(in);
    *size = 0;
    for (begin = in->at; in->at < in->end && *in->at >= '0' && *in->at <= '9'; in->at++) {
        if (!cn_multiply(*size, 10, size) || !cn_add(*size, (size_t)(*in->at - '0'), size))
            return refuse(in, "a size in shape is too large");
    }
    if (in->at == begin)
        return refuse(in, "a size in shape is missing");
    take(in, 'L'); /* Python 2 wrote (3L, 4L) */
    return CINCH_OK;
}

/* (), (3,), (3, 4), (3, 4,) */
static cinch_status read_shape(reader *in, npy_head *npy)
{
    size_t limit = in->options->limits->rank < CINCH_MAX_RANK ? in->options->limits->rank : CINCH_MAX_RANK;
    bool comma = true;

    if (!take(in, '('))
        return refuse(in, "shape is not a tuple");
    for (npy->shape.rank = 0; !take(in, ')'); npy->shape.rank++) {
        if (!comma)
            return refuse(in, "shape lacks a comma");
        if (npy->shape.rank == limit)
            return cn_fail(in->error, CINCH_BAD_INPUT, "%s: NPY header: more than %zu dimensions",
                           in->options->source, limit);
        if (read_size(in, &npy->shape.sizes[npy->shape.rank]) != CINCH_OK)
            return CINCH_BAD_INPUT;
        comma = take(in, ',');
    }
    if (npy->shape.rank == 0)
        return refuse(in, "shape () is one number, not rows of them");
    if (npy->shape.rank == 1 && !comma)
        return refuse(in, "shape lacks the comma of a tuple");
    return CINCH_OK;
}

static cinch_status refuse_descr(reader *in, const char *descr)
{
    static const char *const kinds[] = {"OPython objects (a pickle inside)",
                                        "ccomplex numbers",
                                        "Utext",
                                        "Stext",
                                        "atext",
                                        "Mdates",
                                        "mtimes",
                                        "Vraw bytes"};
    const char *what = "numbers of a type that is not read";

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (descr[0] != '\0' && (descr[0] == kinds[i][0] || descr[1] == kinds[i][0]))
            what = kinds[i] + 1;
    }
    return cn_fail(
        in->error, CINCH_BAD_INPUT,
        "%s: NPY type '%s': %s; save it as numbers, as in numpy.save(name, array.astype('float32'))",
        in->options->source, descr, what);
}

static cinch_status read_descr(reader *in, npy_head *npy)
{
    char descr[WORD_ROOM];

    skip_blanks(in);
    if (in->at < in->end && *in->at == '[')
        return cn_fail(
            in->error, CINCH_BAD_INPUT,
            "%s: NPY: a structured array (rows of named fields); save its columns as one plain array",
            in->options->source);
    if (read_string(in, descr) != CINCH_OK)
        return CINCH_BAD_INPUT;
    bool big = descr[0] == '>', little = descr[0] == '<';
    bool ordered = big || little || descr[0] == '=' || descr[0] == '|';
    for (size_t i = 0; ordered && i < sizeof npy_types / sizeof npy_types[0]; i++) {
        if (strcmp(descr + 1, npy_types[i].code) == 0) {
            npy->type = npy_types[i].type;
            npy->native = !(big || little) || little == cn_host_is_little();
            if (descr[0] == '|' && cn_type_size(npy->type) > 1)
                break;
            return CINCH_OK;
        }
    }
    return refuse_descr(in, descr);
}

typedef struct npy_key {
    const char *name;
    cinch_status (*read)(reader *in, npy_head *npy);
} npy_key;

static const npy_key npy_keys[] = {
    {"descr", read_descr},
    {"fortran_order", read_order},
    {"shape", read_shape},
};

enum { NKEY = sizeof npy_keys / sizeof npy_keys[0] };

static cinch_status read_entry(reader *in, npy_head *npy, bool seen[NKEY])
{
    char name[WORD_ROOM];

    if (read_string(in, name) != CINCH_OK)
        return CINCH_BAD_INPUT;
    if (!take(in, ':'))
        return refuse(in, "a colon is missing");
    for (size_t i = 0; i < NKEY; i++) {
        if (strcmp(name, npy_keys[i].name) == 0 && !seen[i]) {
            seen[i] = true;
            return npy_keys[i].read(in, npy);
        }
    }
    return cn_fail(in->error, CINCH_BAD_INPUT, "%s: NPY header: key '%s' is unknown or there twice",
                   in->options->source, name);
}

static cinch_status read_dictionary(reader *in, npy_head *npy)
{
    bool seen[NKEY] = {false}, comma = true;

    if (!take(in, '{'))
        return refuse(in, "it is not a dictionary");
    while (!take(in, '}')) {
        if (!comma)
            return refuse(in, "a comma is missing");
        if (read_entry(in, npy, seen) != CINCH_OK)
            return CINCH_BAD_INPUT;
        comma = take(in, ',');
    }
    for (size_t i = 0; i < NKEY; i++) {
        if (!seen[i])
            return cn_fail(in->error, CINCH_BAD_INPUT, "%s: NPY header: key '%s' is missing",
                           in->options->source, npy_keys[i].name);
    }
    skip_blanks(in);
    return in->at == in->end ? CINCH_OK : refuse(in, "something follows the dictionary");
}

/* ---- The head ------------------------------------------------------------------------------------------ */

static bool npy_probe(const unsigned char *head, size_t nbytes)
{
    return nbytes >= MAGIC_BYTES && memcmp(head, npy_magic, MAGIC_BYTES) == 0;
}

/* Version and length of the dictionary, before which nothing may be missing. */
static cinch_status read_length(const unsigned char *head, size_t nbytes, const cn_format_options *options,
                                npy_head *npy, cinch_error *error)
{
    if (nbytes < MAGIC_BYTES + 4)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: is cut short within its NPY header", options->source);
    unsigned major = head[6], minor = head[7];
    if (major < 1 || major > 3 || minor != 0)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: NPY version %u.%u; 1.0, 2.0 and 3.0 are read",
                       options->source, major, minor);
    npy->text_at = major == 1 ? MAGIC_BYTES + 4 : MAGIC_BYTES + 6;
    if (nbytes < npy->text_at)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: is cut short within its NPY header", options->source);
    npy->text_length = head[8] | (size_t)head[9] << 8;
    if (major > 1)
        npy->text_length |= (size_t)head[10] << 16 | (size_t)head[11] << 24;
    if (npy->text_length > options->limits->header_bytes)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: its NPY header claims %zu bytes; at most %zu are read",
                       options->source, npy->text_length, options->limits->header_bytes);
    return CINCH_OK;
}

static cinch_status read_head(const unsigned char *head, size_t nbytes, const cn_format_options *options,
                              npy_head *npy, cinch_error *error)
{
    size_t nvalue_bytes;
    cinch_status status = read_length(head, nbytes, options, npy, error);

    if (status != CINCH_OK)
        return status;
    if (nbytes - npy->text_at < npy->text_length)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: is cut short within its NPY header", options->source);
    const char *text = (const char *)head + npy->text_at;
    reader in = {text, text + npy->text_length, options, error};
    status = read_dictionary(&in, npy);
    if (status != CINCH_OK)
        return status;
    npy->values_at = npy->text_at + npy->text_length;
    if (!cn_shape_nbytes(npy->shape, cn_type_size(npy->type), &nvalue_bytes) ||
        !cn_add(nvalue_bytes, npy->values_at, &npy->nbytes))
        return cn_fail(error, CINCH_BAD_INPUT, "%s: the shape in its NPY header is too large",
                       options->source);
    return CINCH_OK;
}

static cinch_status npy_claim(const unsigned char *head, size_t nbytes, const cn_format_options *options,
                              size_t *claimed, cinch_error *error)
{
    npy_head npy = {0};
    cinch_status status = read_length(head, nbytes, options, &npy, error);

    *claimed = 0;
    if (status != CINCH_OK || nbytes - npy.text_at < npy.text_length)
        return status; /* a header longer than the head says nothing yet */
    status = read_head(head, nbytes, options, &npy, error);
    if (status == CINCH_OK)
        *claimed = npy.nbytes;
    return status;
}

/* ---- The values ---------------------------------------------------------------------------------------- */

/* Copies values whose first index runs fastest to where the last one does. `place` is the index of the
 * value that comes next in row-major order, `steps` what one more of each index adds in Fortran order. */
static void transpose(const unsigned char *fortran, cinch_shape shape, size_t size, unsigned char *c)
{
    size_t steps[CINCH_MAX_RANK] = {0}, place[CINCH_MAX_RANK] = {0}, count = 1, at = 0;

    for (size_t i = 0; i < shape.rank; i++) {
        steps[i] = count;
        count *= shape.sizes[i];
    }
    for (size_t n = 0; n < count; n++, c += size) {
        memcpy(c, fortran + at * size, size);
        for (size_t i = shape.rank; i-- > 0;) {
            at += steps[i];
            if (++place[i] < shape.sizes[i])
                break;
            at -= steps[i] * shape.sizes[i];
            place[i] = 0;
        }
    }
}

static void make_bools(unsigned char *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = values[i] != 0;
}

static cinch_status take_values(cn_bytes *bytes, const npy_head *npy, cn_array *array, cinch_error *error)
{
    size_t size = cn_type_size(npy->type);
    void *values = cn_values_in_place(bytes, npy->values_at, size, npy->native);

    if (npy->type == CINCH_BOOL)
        make_bools(values, npy->nbytes - npy->values_at);
    if (npy->fortran && npy->shape.rank > 1) {
        array->values = cn_new(npy->nbytes - npy->values_at, 1, error);
        if (array->values == NULL)
            return CINCH_MEMORY;
        transpose(values, npy->shape, size, array->values);
    } else {
        array->values = values;
        array->bytes = *bytes;
        *bytes = (cn_bytes){NULL, 0};
    }
    array->type = npy->type;
    array->shape = npy->shape;
    return CINCH_OK;
}

static cinch_status npy_parse(cn_bytes *bytes, const cn_format_options *options, cn_array *array,
                              cinch_error *error)
{
    npy_head npy = {0};

    if (!npy_probe(bytes->data, bytes->nbytes))
        return cn_fail(error, CINCH_BAD_INPUT, "%s: is not an NPY file", options->source);
    cinch_status status = read_head(bytes->data, bytes->nbytes, options, &npy, error);
    if (status != CINCH_OK)
        return status;
    if (bytes->nbytes < npy.nbytes)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: is cut short: its header claims %zu bytes, it holds %zu",
                       options->source, npy.nbytes, bytes->nbytes);
    if (bytes->nbytes > npy.nbytes)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: %zu bytes are left over after the NPY data",
                       options->source, bytes->nbytes - npy.nbytes);
    return take_values(bytes, &npy, array, error);
}

/* ---- Writing ------------------------------------------------------------------------------------------- */

static const char *type_code(cinch_type type)
{
    for (size_t i = 0; i < sizeof npy_types / sizeof npy_types[0]; i++) {
        if (npy_types[i].type == type)
            return npy_types[i].code;
    }
    return NULL;
}

cinch_status cn_npy_header(cinch_type type, cinch_shape shape, cn_bytes *header, cinch_error *error)
{
    const size_t preamble = MAGIC_BYTES + 4;
    char order = cn_type_size(type) == 1 ? '|' : cn_host_is_little() ? '<' : '>';
    cn_text text = {0};

    cn_text_add_bytes(&text, npy_magic, MAGIC_BYTES);
    cn_text_add_bytes(&text, "\1\0\0\0", 4);
    cn_text_add(&text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", order, type_code(type));
    for (size_t i = 0; i < shape.rank; i++)
        cn_text_add(&text, "%s%zu", i > 0 ? ", " : "", shape.sizes[i]);
    cn_text_add(&text, "%s), }", shape.rank == 1 ? "," : "");
    while (!text.failed && (text.length + 1) % NPY_ALIGNMENT != 0)
        cn_text_add_bytes(&text, " ", 1);
    cn_text_add_bytes(&text, "\n", 1);

    size_t nbytes = text.length;
    *header = (cn_bytes){(unsigned char *)cn_text_take(&text, error), nbytes};
    if (header->data == NULL)
        return CINCH_MEMORY;
    header->data[8] = (unsigned char)((nbytes - preamble) & 0xff);
    header->data[9] = (unsigned char)((nbytes - preamble) >> 8);
    return CINCH_OK;
}

const cn_format cn_format_npy = {
    .name = "npy",
    .probe = npy_probe,
    .claim = npy_claim,
    .parse = npy_parse,
};
