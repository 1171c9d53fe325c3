/* IDX, the format of MNIST: two zero bytes, a type, a rank, big-endian sizes, big-endian values, nothing
 * after. */
#include <string.h>

#include "base/memory.h"
#include "format/bytes.h"
#include "format/format.h"

typedef struct idx_type {
    unsigned char code;
    cinch_type type;
} idx_type;

static const idx_type idx_types[] = {
    {0x08, CINCH_U8},  {0x09, CINCH_I8},  {0x0B, CINCH_I16},
    {0x0C, CINCH_I32}, {0x0D, CINCH_F32}, {0x0E, CINCH_F64},
};

/* The head of a file: what its values are and where they begin. */
typedef struct idx_head {
    cinch_type type;
    cinch_shape shape;
    size_t values_at, nbytes; /* of the values; the whole file's */
} idx_head;

static const idx_type *find_type(unsigned char code)
{
    for (size_t i = 0; i < sizeof idx_types / sizeof idx_types[0]; i++) {
        if (idx_types[i].code == code)
            return &idx_types[i];
    }
    return NULL;
}

static bool idx_probe(const unsigned char *head, size_t nbytes)
{
    return nbytes >= 4 && head[0] == 0 && head[1] == 0 && head[2] >= 0x08 && head[2] <= 0x0E && head[3] != 0;
}

static cinch_status read_head(const unsigned char *head, size_t nbytes, const cn_format_options *options,
                              idx_head *idx, cinch_error *error)
{
    const idx_type *type = find_type(head[2]);
    size_t nvalue_bytes;

    if (type == NULL)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: IDX type 0x%02x is unknown", options->source, head[2]);
    if (head[3] > options->limits->rank || head[3] > CINCH_MAX_RANK)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: IDX rank %d; at most %d are read", options->source,
                       head[3], CINCH_MAX_RANK);
    idx->type = type->type;
    idx->shape.rank = head[3];
    idx->values_at = 4 + 4 * idx->shape.rank;
    if (nbytes < idx->values_at)
        return cn_fail(error, CINCH_BAD_INPUT,
                       "%s: is cut short: %zu bytes do not hold an IDX header of rank %zu", options->source,
                       nbytes, idx->shape.rank);
    for (size_t i = 0; i < idx->shape.rank; i++)
        idx->shape.sizes[i] = cn_u32_big(head + 4 + 4 * i);
    if (!cn_shape_nbytes(idx->shape, cn_type_size(idx->type), &nvalue_bytes) ||
        !cn_add(nvalue_bytes, idx->values_at, &idx->nbytes))
        return cn_fail(error, CINCH_BAD_INPUT, "%s: the sizes in its IDX header are too large",
                       options->source);
    return CINCH_OK;
}

static cinch_status idx_claim(const unsigned char *head, size_t nbytes, const cn_format_options *options,
                              size_t *claimed, cinch_error *error)
{
    idx_head idx = {0};
    cinch_status status = read_head(head, nbytes, options, &idx, error);

    *claimed = status == CINCH_OK ? idx.nbytes : 0;
    return status;
}

static cinch_status idx_parse(cn_bytes *bytes, const cn_format_options *options, cn_array *array,
                              cinch_error *error)
{
    idx_head idx = {0};

    if (!idx_probe(bytes->data, bytes->nbytes))
        return cn_fail(error, CINCH_BAD_INPUT, "%s: is not an IDX file", options->source);
    cinch_status status = read_head(bytes->data, bytes->nbytes, options, &idx, error);
    if (status != CINCH_OK)
        return status;
    if (bytes->nbytes < idx.nbytes)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: is cut short: its header claims %zu bytes, it holds %zu",
                       options->source, idx.nbytes, bytes->nbytes);
    if (bytes->nbytes > idx.nbytes)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: %zu bytes are left over after the IDX data",
                       options->source, bytes->nbytes - idx.nbytes);

    array->type = idx.type;
    array->shape = idx.shape;
    array->values = cn_values_in_place(bytes, idx.values_at, cn_type_size(idx.type), !cn_host_is_little());
    array->bytes = *bytes;
    *bytes = (cn_bytes){NULL, 0};
    return CINCH_OK;
}

const cn_format cn_format_idx = {
    .name = "idx",
    .probe = idx_probe,
    .claim = idx_claim,
    .parse = idx_parse,
};
