/* safetensors: a JSON header that says where each tensor lies, then the tensors, little-endian, without a
 * gap. */
#include "format/safetensors.h"

#include <sha256.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "format/bytes.h"
#include "format/json.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors files are little-endian and their values are used in place"
#endif

enum { LENGTH_BYTES = 8, DIGITS = 64 };

/* How a header with a hash begins; the digits follow. */
static const char hash_head[] = "{\"__metadata__\":{\"sha256\":\"";
enum { DIGITS_AT = LENGTH_BYTES + sizeof hash_head - 1 };

typedef struct tensor_type {
    const char *name;
    cinch_type type;
} tensor_type;

static const tensor_type tensor_types[] = {
    {"F32", CINCH_F32}, {"F64", CINCH_F64}, {"F16", CINCH_F16}, {"BOOL", CINCH_BOOL},
    {"U8", CINCH_U8},   {"I8", CINCH_I8},   {"U16", CINCH_U16}, {"I16", CINCH_I16},
    {"U32", CINCH_U32}, {"I32", CINCH_I32}, {"U64", CINCH_U64}, {"I64", CINCH_I64},
};

enum { NTYPE = sizeof tensor_types / sizeof tensor_types[0] };

/* ---- The hash ------------------------------------------------------------------------------------------ */

/* The digest of a whole file in pieces, the first of which holds the length and the header, as if its
 * digits were zeros. */
static void hash_file(const cn_bytes *pieces, size_t npiece, char digits[DIGITS + 1])
{
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    SHA256_CTX context;

    SHA256Init(&context);
    SHA256Update(&context, pieces[0].data, DIGITS_AT);
    SHA256Update(&context, (const uint8_t *)zeros, DIGITS);
    SHA256Update(&context, pieces[0].data + DIGITS_AT + DIGITS, pieces[0].nbytes - DIGITS_AT - DIGITS);
    for (size_t i = 1; i < npiece; i++)
        SHA256Update(&context, pieces[i].data, pieces[i].nbytes);
    SHA256End(&context, digits);
}

/* Checks the hash where the file begins with one. */
static cinch_status check_hash(const cn_bytes *bytes, const char *source, bool *hashed, cinch_error *error)
{
    char digits[DIGITS + 1];

    *hashed = bytes->nbytes >= DIGITS_AT + DIGITS &&
              memcmp(bytes->data + LENGTH_BYTES, hash_head, sizeof hash_head - 1) == 0;
    if (!*hashed)
        return CINCH_OK;
    hash_file(bytes, 1, digits);
    if (memcmp(bytes->data + DIGITS_AT, digits, DIGITS) != 0)
        return cn_fail(error, CINCH_BAD_INPUT,
                       "%s: is damaged: its bytes do not give the hash that it states", source);
    return CINCH_OK;
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

/* A file being parsed. */
typedef struct reading {
    cn_safetensors *file;
    const char *source;
    const cn_limits *limits;
    unsigned char *values; /* behind the header */
    size_t nbytes;         /* from there to the end */
    cinch_error *error;
} reading;

static cinch_status check_length(const cn_bytes *bytes, const char *source, const cn_limits *limits,
                                 size_t *length, cinch_error *error)
{
    if (bytes->nbytes < LENGTH_BYTES + 2)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: is not a safetensors file: it has %zu bytes", source,
                       bytes->nbytes);
    uint64_t claimed = cn_u64_little(bytes->data);
    if (claimed > limits->header_bytes)
        return cn_fail(error, CINCH_BAD_INPUT,
                       "%s: is not a safetensors file: its header claims %llu bytes, at most "
                       "%zu are read",
                       source, (unsigned long long)claimed, limits->header_bytes);
    if (claimed > bytes->nbytes - LENGTH_BYTES)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: is cut short: its header claims %llu bytes, it holds %zu",
                       source, (unsigned long long)claimed, bytes->nbytes - LENGTH_BYTES);
    if (bytes->data[LENGTH_BYTES] != '{')
        return cn_fail(error, CINCH_BAD_INPUT,
                       "%s: is not a safetensors file: its header is not a JSON object", source);
    *length = (size_t)claimed;
    return CINCH_OK;
}

static cinch_status read_metadata(reading *in, json_t *object)
{
    cn_safetensors *file = in->file;
    const char *key;
    json_t *value;

    if (!json_is_object(object))
        return cn_fail(in->error, CINCH_BAD_INPUT, "%s: __metadata__ is not an object", in->source);
    file->metadata = cn_new(json_object_size(object), sizeof *file->metadata, in->error);
    if (file->metadata == NULL)
        return CINCH_MEMORY;
    json_object_foreach(object, key, value)
    {
        if (!json_is_string(value))
            return cn_fail(in->error, CINCH_BAD_INPUT, "%s: metadata \"%.80s\" is not text", in->source, key);
        file->metadata[file->nmetadata++] = (cn_entry){key, json_string_value(value)};
    }
    return CINCH_OK;
}

static cinch_status refuse(const reading *in, const char *name, const char *what)
{
    return cn_fail(in->error, CINCH_BAD_INPUT, "%s: tensor \"%.80s\": %s", in->source, name, what);
}

static bool read_size(json_t *number, size_t *size)
{
    if (!json_is_integer(number) || json_integer_value(number) < 0)
        return false;
    *size = (size_t)json_integer_value(number);
    return true;
}

static cinch_status read_type(const reading *in, json_t *dtype, cn_tensor *tensor)
{
    for (size_t i = 0; json_is_string(dtype) && i < NTYPE; i++) {
        if (strcmp(json_string_value(dtype), tensor_types[i].name) == 0) {
            tensor->type = tensor_types[i].type;
            return CINCH_OK;
        }
    }
    return cn_fail(in->error, CINCH_BAD_INPUT, "%s: tensor \"%.80s\": dtype %.40s is not read", in->source,
                   tensor->name, json_is_string(dtype) ? json_string_value(dtype) : "that is not text");
}

static cinch_status read_shape(const reading *in, json_t *shape, cn_tensor *tensor)
{
    size_t rank = json_array_size(shape);

    if (!json_is_array(shape))
        return refuse(in, tensor->name, "has no shape");
    if (rank > in->limits->rank || rank > CINCH_MAX_RANK)
        return refuse(in, tensor->name, "has too many dimensions");
    tensor->shape.rank = rank;
    for (size_t i = 0; i < rank; i++) {
        if (!read_size(json_array_get(shape, i), &tensor->shape.sizes[i]))
            return refuse(in, tensor->name, "its shape is not of whole numbers");
    }
    return CINCH_OK;
}

/* Where the values lie, which must be what type and shape ask for. */
static cinch_status read_offsets(const reading *in, json_t *offsets, cn_tensor *tensor)
{
    size_t begin, end, nbytes, size = cn_type_size(tensor->type);

    if (json_array_size(offsets) != 2 || !read_size(json_array_get(offsets, 0), &begin) ||
        !read_size(json_array_get(offsets, 1), &end))
        return refuse(in, tensor->name, "its data_offsets are not two whole numbers");
    if (begin > end || end > in->nbytes)
        return refuse(in, tensor->name, "its data_offsets lie outside of the file");
    if (!cn_shape_nbytes(tensor->shape, size, &nbytes) || nbytes != end - begin)
        return refuse(in, tensor->name, "its shape does not fit its data_offsets");
    if (begin % size != 0)
        return refuse(in, tensor->name, "its values are not aligned to their type; save the file again");
    tensor->values = in->values + begin;
    return CINCH_OK;
}

static cinch_status read_tensor(reading *in, const char *name, json_t *object)
{
    cn_tensor *tensor = &in->file->tensors[in->file->ntensor];
    cinch_status status;

    tensor->name = name;
    if (strlen(name) > in->limits->name_bytes)
        return refuse(in, name, "the name is too long");
    if (!json_is_object(object) || json_object_size(object) != 3)
        return refuse(in, name, "is not dtype, shape and data_offsets");
    if ((status = read_type(in, json_object_get(object, "dtype"), tensor)) != CINCH_OK ||
        (status = read_shape(in, json_object_get(object, "shape"), tensor)) != CINCH_OK ||
        (status = read_offsets(in, json_object_get(object, "data_offsets"), tensor)) != CINCH_OK)
        return status;
    in->file->ntensor++;
    return CINCH_OK;
}

static size_t tensor_nbytes(const cn_tensor *tensor)
{
    size_t nbytes = 0;

    cn_shape_nbytes(tensor->shape, cn_type_size(tensor->type), &nbytes);
    return nbytes;
}

/* By place; of an empty tensor and the one that begins where it lies, the empty one first. */
static int compare_places(const void *left, const void *right)
{
    const cn_tensor *a = left, *b = right;
    const unsigned char *at_a = a->values, *at_b = b->values;
    size_t nbytes_a = tensor_nbytes(a), nbytes_b = tensor_nbytes(b);

    if (at_a != at_b)
        return at_a < at_b ? -1 : 1;
    return (nbytes_a > nbytes_b) - (nbytes_a < nbytes_b);
}

/* Each tensor begins where the one before it ends, the last ends where the file does. */
static cinch_status check_places(const reading *in)
{
    const unsigned char *at = in->values;
    cn_safetensors *file = in->file;

    if (file->ntensor > 0)
        qsort(file->tensors, file->ntensor, sizeof *file->tensors, compare_places);
    for (size_t i = 0; i < file->ntensor; i++) {
        if ((const unsigned char *)file->tensors[i].values != at)
            return refuse(in, file->tensors[i].name, "there is a gap or an overlap before it");
        at += tensor_nbytes(&file->tensors[i]);
    }
    if (at != in->values + in->nbytes)
        return cn_fail(in->error, CINCH_BAD_INPUT, "%s: %zu bytes are left over after the tensors",
                       in->source, (size_t)(in->values + in->nbytes - at));
    return CINCH_OK;
}

/* Values are used in place: where the header's length leaves them unaligned they move over it, since
 * jansson has copied what it says. */
static void align_values(reading *in, cn_bytes *bytes, size_t header)
{
    in->values = bytes->data + LENGTH_BYTES + header;
    in->nbytes = bytes->nbytes - LENGTH_BYTES - header;
    if (header % LENGTH_BYTES != 0) {
        unsigned char *aligned = in->values - header % LENGTH_BYTES;
        memmove(aligned, in->values, in->nbytes);
        in->values = aligned;
    }
}

static cinch_status read_entries(reading *in, json_t *root)
{
    const char *key;
    json_t *value;

    in->file->tensors = cn_new(json_object_size(root), sizeof *in->file->tensors, in->error);
    if (in->file->tensors == NULL)
        return CINCH_MEMORY;
    json_object_foreach(root, key, value)
    {
        cinch_status status =
            strcmp(key, "__metadata__") == 0 ? read_metadata(in, value) : read_tensor(in, key, value);
        if (status != CINCH_OK)
            return status;
    }
    return check_places(in);
}

static cinch_status read_file(cn_safetensors *file, const char *source, const cn_limits *limits, bool *hashed,
                              cinch_error *error)
{
    reading in = {.file = file, .source = source, .limits = limits, .error = error};
    size_t length = 0;
    json_t *root = NULL;
    cinch_status status = check_length(&file->bytes, source, limits, &length, error);

    if (status == CINCH_OK)
        status = check_hash(&file->bytes, source, hashed, error);
    if (status == CINCH_OK)
        status = cn_json_parse((const char *)file->bytes.data + LENGTH_BYTES, length, file->bytes.nbytes,
                               source, limits, &root, error);
    if (status != CINCH_OK)
        return status;
    file->json = root;
    align_values(&in, &file->bytes, length);
    status = read_entries(&in, root);
    if (status != CINCH_OK || *hashed)
        return status;
    if (cn_safetensors_metadata(file, "sha256") != NULL || cn_safetensors_metadata(file, "cinch") != NULL)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: is damaged: its header does not begin with its hash",
                       source);
    return CINCH_OK;
}

cinch_status cn_safetensors_parse(cn_bytes *bytes, const char *source, const cn_limits *limits,
                                  cn_safetensors *file, bool *hashed, cinch_error *error)
{
    *file = (cn_safetensors){.bytes = *bytes};
    *bytes = (cn_bytes){NULL, 0};
    *hashed = false;
    cinch_status status = read_file(file, source, limits, hashed, error);
    if (status != CINCH_OK)
        cn_safetensors_clear(file);
    return status;
}

void cn_safetensors_clear(cn_safetensors *file)
{
    cn_json_free(file->json);
    cn_free(file->tensors);
    cn_free(file->metadata);
    cn_bytes_clear(&file->bytes);
    *file = (cn_safetensors){.json = NULL};
}

const cn_tensor *cn_safetensors_tensor(const cn_safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->ntensor; i++) {
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    }
    return NULL;
}

const char *cn_safetensors_metadata(const cn_safetensors *file, const char *key)
{
    for (size_t i = 0; i < file->nmetadata; i++) {
        if (strcmp(file->metadata[i].key, key) == 0)
            return file->metadata[i].value;
    }
    return NULL;
}

/* ---- Writing ------------------------------------------------------------------------------------------- */

/* The bytes of the UTF-8 character at `text` (RFC 3629); 0 where there is none. */
static size_t utf8_length(const unsigned char *text)
{
    size_t length = text[0] < 0x80   ? 1
                    : text[0] < 0xc2 ? 0
                    : text[0] < 0xe0 ? 2
                    : text[0] < 0xf0 ? 3
                    : text[0] < 0xf5 ? 4
                                     : 0;

    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
    bool surrogate = text[0] == 0xed && text[1] > 0x9f;
    bool too_large = text[0] == 0xf4 && text[1] > 0x8f;
    return overlong || surrogate || too_large ? 0 : length;
}

static void add_string(cn_text *text, const char *chars)
{
    cn_text_add_bytes(text, "\"", 1);
    while (*chars != '\0') {
        size_t length = utf8_length((const unsigned char *)chars);
        if (length == 0)
            cn_text_add_bytes(text, "\xef\xbf\xbd", 3);
        else if (*chars == '"' || *chars == '\\')
            cn_text_add(text, "\\%c", *chars);
        else if ((unsigned char)*chars < ' ')
            cn_text_add(text, "\\u%04x", (unsigned)*chars);
        else
            cn_text_add_bytes(text, chars, length);
        chars += length == 0 ? 1 : length;
    }
    cn_text_add_bytes(text, "\"", 1);
}

static const char *type_text(cinch_type type)
{
    for (size_t i = 0; i < NTYPE; i++) {
        if (tensor_types[i].type == type)
            return tensor_types[i].name;
    }
    return NULL;
}

static void add_tensor(cn_text *text, const cn_tensor *tensor, size_t begin)
{
    cn_text_add_bytes(text, ",", 1);
    add_string(text, tensor->name);
    cn_text_add(text, ":{\"dtype\":\"%s\",\"shape\":[", type_text(tensor->type));
    for (size_t i = 0; i < tensor->shape.rank; i++)
        cn_text_add(text, "%s%zu", i > 0 ? "," : "", tensor->shape.sizes[i]);
    cn_text_add(text, "],\"data_offsets\":[%zu,%zu]}", begin, begin + tensor_nbytes(tensor));
}

/* Length and header in one piece, the hash's digits as zeros. */
static cinch_status make_header(const cn_entry *metadata, size_t nmetadata, const cn_tensor *tensors,
                                size_t ntensor, cn_bytes *header, cinch_error *error)
{
    cn_text text = {0};
    size_t begin = 0;

    cn_text_add_bytes(&text, "\0\0\0\0\0\0\0\0", LENGTH_BYTES);
    cn_text_add(&text, "%s%0*d\"", hash_head, DIGITS, 0);
    for (size_t i = 0; i < nmetadata; i++) {
        cn_text_add_bytes(&text, ",", 1);
        add_string(&text, metadata[i].key);
        cn_text_add_bytes(&text, ":", 1);
        add_string(&text, metadata[i].value);
    }
    cn_text_add_bytes(&text, "}", 1);
    for (size_t i = 0; i < ntensor; i++) {
        add_tensor(&text, &tensors[i], begin);
        begin += tensor_nbytes(&tensors[i]);
    }
    cn_text_add_bytes(&text, "}", 1);
    while (!text.failed && text.length % LENGTH_BYTES != 0)
        cn_text_add_bytes(&text, " ", 1);

    header->nbytes = text.length;
    header->data = (unsigned char *)cn_text_take(&text, error);
    if (header->data == NULL)
        return CINCH_MEMORY;
    if (header->nbytes - LENGTH_BYTES > cn_limits_standard.header_bytes)
        return cn_fail(error, CINCH_FAILED,
                       "a model's header of %zu bytes would not be read again (at most %zu are)",
                       header->nbytes - LENGTH_BYTES, cn_limits_standard.header_bytes);
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        header->data[i] = (unsigned char)((uint64_t)(header->nbytes - LENGTH_BYTES) >> 8 * i & 0xff);
    return CINCH_OK;
}

cinch_status cn_safetensors_write(const char *path, const cn_entry *metadata, size_t nmetadata,
                                  const cn_tensor *tensors, size_t ntensor, cinch_error *error)
{
    char digits[DIGITS + 1];
    cinch_status status = CINCH_MEMORY;
    cn_bytes *pieces = cn_new(ntensor + 1, sizeof *pieces, error);

    if (pieces != NULL)
        status = make_header(metadata, nmetadata, tensors, ntensor, &pieces[0], error);
    if (status == CINCH_OK) {
        for (size_t i = 0; i < ntensor; i++)
            pieces[i + 1] = (cn_bytes){(unsigned char *)tensors[i].values, tensor_nbytes(&tensors[i])};
        hash_file(pieces, ntensor + 1, digits);
        memcpy(pieces[0].data + DIGITS_AT, digits, DIGITS);
        status = cn_file_write(path, pieces, ntensor + 1, error);
    }
    if (pieces != NULL)
        cn_free(pieces[0].data);
    cn_free(pieces);
    return status;
}
