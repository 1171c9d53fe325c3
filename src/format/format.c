/* Reading a file of numbers, whatever its format: its bytes, its gzip, its head, its claim, its parser. */
#include "format/format.h"

#include <string.h>

#include "base/memory.h"

enum { HEAD_BYTES = 512 };

void cn_array_clear(cn_array *array)
{
    if (array->bytes.data == NULL)
        cn_free(array->values);
    cn_bytes_clear(&array->bytes);
    cn_free(array->columns);
    cn_free(array->labels);
    cn_free(array->classes);
    memset(array, 0, sizeof *array);
}

size_t cn_type_size(cinch_type type)
{
    static const size_t sizes[] = {
        [CINCH_BOOL] = 1, [CINCH_U8] = 1,  [CINCH_I8] = 1,  [CINCH_U16] = 2, [CINCH_I16] = 2, [CINCH_U32] = 4,
        [CINCH_I32] = 4,  [CINCH_U64] = 8, [CINCH_I64] = 8, [CINCH_F16] = 2, [CINCH_F32] = 4, [CINCH_F64] = 8,
    };
    return sizes[type];
}

bool cn_shape_nbytes(cinch_shape shape, size_t value_size, size_t *nbytes)
{
    *nbytes = value_size;
    for (size_t i = 0; i < shape.rank; i++) {
        if (!cn_multiply(*nbytes, shape.sizes[i], nbytes))
            return false;
    }
    return true;
}

/* ---- Files that are known only to be refused ----------------------------------------------------------- */

typedef struct foreign {
    size_t offset, nbytes;
    const char *magic;
    const char *what;
} foreign;

static const foreign foreign_files[] = {
    {0, 8, "\x89HDF\r\n\x1a\n", "an HDF5 file, which is not read; save the array as NPY with numpy.save"},
    {0, 4, "PK\5\6", "an empty zip file"},
    {0, 3, "\xff\xd8\xff", "a JPEG picture, which is not read; save it as PNG"},
    {0, 4, "GIF8", "a GIF picture, which is not read; save it as PNG"},
    {0, 4, "II*\0", "a TIFF picture, which is not read; save it as PNG"},
    {0, 4, "MM\0*", "a TIFF picture, which is not read; save it as PNG"},
    {8, 4, "WEBP", "a WebP picture, which is not read; save it as PNG"},
    {0, 6,
     "\xfd"
     "7zXZ\0",
     "packed by xz; unpack it, or pack it with gzip"},
    {0, 3, "BZh", "packed by bzip2; unpack it, or pack it with gzip"},
    {0, 4, "\x28\xb5\x2f\xfd", "packed by zstd; unpack it, or pack it with gzip"},
    {0, 2, "\x1f\x8b", "gzipped twice; unpack it once"},
    {0, 4, "PAR1", "a Parquet file, which is not read; save the table as CSV"},
    {0, 2, "\xff\xfe", "UTF-16 text; save it as UTF-8"},
    {0, 2, "\xfe\xff", "UTF-16 text; save it as UTF-8"},
    {257, 5, "ustar", "a tar archive; unpack it and name the one file inside"},
};

static bool is_pickle(const unsigned char *head, size_t nbytes)
{
    return nbytes >= 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5;
}

/* Eight bytes of header length under 16 MB, then a JSON object. */
static bool is_safetensors(const unsigned char *head, size_t nbytes)
{
    static const unsigned char zeros[4];
    return nbytes >= 9 && head[8] == '{' && memcmp(head + 4, zeros, 4) == 0;
}

static cinch_status refuse(const char *source, const unsigned char *head, size_t nbytes, cinch_error *error)
{
    return cn_fail(error, CINCH_BAD_INPUT,
                   "%s: begins with bytes %02x %02x %02x %02x: neither IDX, NPY, NPZ, PNG nor CSV, "
                   "gzipped or not",
                   source, head[0], nbytes > 1 ? head[1] : 0, nbytes > 2 ? head[2] : 0,
                   nbytes > 3 ? head[3] : 0);
}

cinch_status cn_foreign_refuse(const char *source, const unsigned char *head, size_t nbytes,
                               cinch_error *error)
{
    if (is_pickle(head, nbytes))
        return cn_fail(
            error, CINCH_BAD_INPUT,
            "%s: is a Python pickle, which can run code and is not read; make an NPY of it: python3 -c "
            "\"import numpy, pickle; numpy.save('data.npy', pickle.load(open('data.pkl', 'rb')))\"",
            source);
    if (is_safetensors(head, nbytes))
        return cn_fail(error, CINCH_BAD_INPUT, "%s: is a safetensors file (a model), not rows", source);
    for (size_t i = 0; i < sizeof foreign_files / sizeof foreign_files[0]; i++) {
        const foreign *file = &foreign_files[i];
        if (nbytes >= file->offset + file->nbytes &&
            memcmp(head + file->offset, file->magic, file->nbytes) == 0)
            return cn_fail(error, CINCH_BAD_INPUT, "%s: is %s", source, file->what);
    }
    return CINCH_OK;
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

static const cn_format *find_format(const unsigned char *head, size_t nbytes, bool last)
{
    for (const cn_format *const *format = cn_formats; *format != NULL; format++) {
        if ((*format)->last == last && (*format)->probe(head, nbytes))
            return *format;
    }
    return NULL;
}

/* The format of a file that begins so; NULL with an error where it is none that is read. */
static const cn_format *choose_format(const unsigned char *head, size_t nbytes, const char *source,
                                      cinch_error *error)
{
    if (nbytes == 0) {
        cn_fail(error, CINCH_BAD_INPUT, "%s: is empty", source);
        return NULL;
    }
    const cn_format *format = find_format(head, nbytes, false);
    if (format != NULL)
        return format;
    if (cn_foreign_refuse(source, head, nbytes, error) != CINCH_OK)
        return NULL;
    format = find_format(head, nbytes, true);
    if (format == NULL)
        refuse(source, head, nbytes, error);
    return format;
}

/* Puts the inflated bytes in the place of the packed ones. */
static cinch_status unpack(cn_bytes *bytes, const unsigned char *head, size_t nhead, const cn_format *format,
                           const cn_format_options *options, cinch_error *error)
{
    cn_bytes plain = {NULL, 0};
    size_t claimed = 0;
    cinch_status status = format->claim(head, nhead, options, &claimed, error);

    if (status == CINCH_OK)
        status = cn_gzip_inflate(bytes, claimed, options, &plain, error);
    if (status == CINCH_OK) {
        cn_bytes_clear(bytes);
        *bytes = plain;
    }
    return status;
}

static cinch_status read_bytes(cn_bytes *bytes, const cn_format_options *options, cn_array *array,
                               cinch_error *error)
{
    unsigned char head[HEAD_BYTES];
    size_t nhead = bytes->nbytes < sizeof head ? bytes->nbytes : sizeof head;
    bool packed = cn_gzip_probe(bytes->data, bytes->nbytes);
    cinch_status status = CINCH_OK;

    if (packed)
        status = cn_gzip_head(bytes, head, sizeof head, &nhead, options, error);
    else if (nhead > 0)
        memcpy(head, bytes->data, nhead);
    if (status != CINCH_OK)
        return status;

    const cn_format *format = choose_format(head, nhead, options->source, error);
    if (format == NULL)
        return CINCH_BAD_INPUT;
    if (packed)
        status = unpack(bytes, head, nhead, format, options, error);
    if (status != CINCH_OK)
        return status;
    return format->parse(bytes, options, array, error);
}

cinch_status cn_array_read(const char *path, const cn_format_options *given, cn_array *array,
                           cinch_error *error)
{
    cn_format_options options = *given;
    cn_bytes bytes = {NULL, 0};

    memset(array, 0, sizeof *array);
    if (options.source == NULL)
        options.source = strcmp(path, "-") == 0 ? "standard input" : path;
    if (strcmp(path, "-") != 0 && cn_folder_exists(path))
        return cn_folder_read(path, &options, array, error);
    cinch_status status = cn_file_read(path, options.limits->file_bytes, &bytes, error);
    if (status == CINCH_OK)
        status = read_bytes(&bytes, &options, array, error);
    cn_bytes_clear(&bytes);
    if (status != CINCH_OK)
        cn_array_clear(array);
    return status;
}

const cn_limits cn_limits_standard = {
    .rank = CINCH_MAX_RANK,
    .name_bytes = (size_t)1 << 10,
    .header_bytes = (size_t)16 << 20,
    .json_depth = 64,
    .layers = 10000,
    .columns = 1000000,
    .file_bytes = (size_t)64 << 30,
    .free_bytes = (size_t)64 << 20,
    .directory_bytes = (size_t)4 << 20,
};
