/* File formats of arrays and tables: bytes to structures, with no idea of models.
 *
 * A parser takes the bytes that are there, never a stream, and trusts none of them: magic, version, every
 * claimed size against the bytes present and against the limits, then it allocates, reads, and refuses
 * what is left over. Each format is one file format_NAME.c that ends in `const cn_format cn_format_NAME`.
 */
#ifndef CN_FORMAT_FORMAT_H
#define CN_FORMAT_FORMAT_H

#include "base/error.h"
#include "base/file.h"

/* What a file may ask for at most. One struct, so that a flag can loosen a limit and a file never can. */
typedef struct cn_limits {
    size_t rank, name_bytes, header_bytes, json_depth, layers, columns;
    size_t file_bytes;      /* of a file as stored, and of one inflated */
    size_t free_bytes;      /* what may be allocated on a claim alone, beyond the bytes present */
    size_t directory_bytes; /* of a zip's list of members */
} cn_limits;

/* 8, 1 KB, 16 MB, 64, 10000, 1 million columns, 64 GiB, 64 MB, 4 MB */
extern const cn_limits cn_limits_standard;

/* An array of numbers in native byte order, row-major. */
typedef struct cn_array {
    cinch_type type;
    cinch_shape shape;
    void *values;      /* owned; may point into `bytes`; aligned for its type */
    cn_bytes bytes;    /* the file's bytes where values lie inside them, else empty */
    bool table;        /* from a text table: the options' columns and label have been applied */
    char **columns;    /* names of a table's columns, [shape.sizes[1]], one block; NULL: there are none */
    size_t first_line; /* of a text table: the line of row 0, for messages; 0: rows are not lines */
    int32_t *labels;   /* a label column's class of each row, -1 where it is missing; NULL for none */
    char **classes;    /* the classes' names (numbers as text), sorted, one block; NULL for none */
    size_t nclass;
} cn_array;

void cn_array_clear(cn_array *array);
size_t cn_type_size(cinch_type type);
/* The bytes of an array; false where they do not fit a size_t. */
bool cn_shape_nbytes(cinch_shape shape, size_t value_size, size_t *nbytes);

typedef struct cn_format_options {
    const cn_limits *limits;
    const char *source; /* the file's name, for messages */
    const char *label;  /* a text table's column (name or index) that is a class, not a feature; NULL: none */
    bool label_is_optional; /* a file without that column is read as it is */
    const char *columns; /* "a,b,3-5": the feature columns of a text table to read; NULL: all but the label */
    bool missing_is_nan; /* else an empty or NA cell is refused */
    const char *array;   /* an NPZ file's member; NULL: its only one */
} cn_format_options;

typedef struct cn_format {
    const char *name; /* "npy" */
    bool last;        /* asked only when all others said no: any text may be CSV */
    /* Whether a file that begins so (head: at most 512 bytes) is this format. */
    bool (*probe)(const unsigned char *head, size_t nbytes);
    /* The bytes that a whole file beginning so must have, 0 where the head does not say (CSV): inflating
     * stops one byte after. */
    cinch_status (*claim)(const unsigned char *head, size_t nbytes, const cn_format_options *options,
                          size_t *claimed, cinch_error *error);
    /* Takes the bytes over where it can use them in place (and empties `bytes`), else leaves them, perhaps
     * changed. The array is empty before, and after a failure. */
    cinch_status (*parse)(cn_bytes *bytes, const cn_format_options *options, cn_array *array,
                          cinch_error *error);
} cn_format;

extern const cn_format *const cn_formats[]; /* NULL-terminated, made by the build */

/* Reads a file ("-": standard input) of any format in the table, gzipped or not, or a folder of pictures. The
 * first thing that does not fit is said with the file's name; a pickle or an HDF5 file is named as what it
 * is, with what to do. A NULL options->source is the path itself. */
cinch_status cn_array_read(const char *path, const cn_format_options *options, cn_array *array,
                           cinch_error *error);

/* A folder's PNG files, one a row, sorted by the bytes of their names: [files][height][width][channels].
 * Names that end in .png (or .PNG) are rows; pictures of other kinds are refused, all else and what is
 * hidden is passed over. The first file that is not of the first one's size and kind is refused by name. */
cinch_status cn_folder_read(const char *path, const cn_format_options *options, cn_array *array,
                            cinch_error *error);

/* Refuses what is known only to be refused (a pickle, HDF5, JPEG, ...), saying what it is and what to do; OK
 * where it is none of these. */
cinch_status cn_foreign_refuse(const char *source, const unsigned char *head, size_t nbytes,
                               cinch_error *error);

/* gzip, of one member or several (RFC 1952), checksums checked. `head` is what the file begins with once
 * inflated. `inflate` gives a file that claims `claimed` bytes (0: says nothing) whole and refuses one
 * that holds fewer or more. A claim beyond options->limits->free_bytes is measured by inflating before
 * anything is allocated. */
bool cn_gzip_probe(const unsigned char *head, size_t nbytes);
cinch_status cn_gzip_head(const cn_bytes *packed, unsigned char *head, size_t room, size_t *nbytes,
                          const cn_format_options *options, cinch_error *error);
cinch_status cn_gzip_inflate(const cn_bytes *packed, size_t claimed, const cn_format_options *options,
                             cn_bytes *plain, cinch_error *error);

/* The bytes before the values of an NPY 1.0 file of this type and shape, native byte order, C order. */
cinch_status cn_npy_header(cinch_type type, cinch_shape shape, cn_bytes *header, cinch_error *error);

#endif
