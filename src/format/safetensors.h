/* safetensors files (8 bytes of header length, a JSON header, the tensors' bytes), written and read with
 * the checks of DESIGN: named tensors and metadata, protected by a hash in the metadata. */
#ifndef CN_FORMAT_SAFETENSORS_H
#define CN_FORMAT_SAFETENSORS_H

#include "base/file.h"
#include "format/format.h"

typedef struct cn_tensor {
    const char *name;
    cinch_type type;
    cinch_shape shape;
    const void *values;
} cn_tensor;

typedef struct cn_entry {
    const char *key, *value;
} cn_entry;

/* A parsed file: everything points into it. Values are aligned to their type. */
typedef struct cn_safetensors {
    cn_bytes bytes;
    void *json;         /* jansson's root */
    cn_tensor *tensors; /* in the file's order of offsets */
    size_t ntensor;
    cn_entry *metadata; /* in the file's order */
    size_t nmetadata;
} cn_safetensors;

/* Takes `bytes` over (also on failure). Refuses: a header longer than the bytes or the limit, duplicate
 * keys, \u0000, too deep JSON, unknown types, shapes whose product overflows or differs from the offsets,
 * gaps, overlaps and left-over bytes. Where metadata has "sha256" it must be first and right, else
 * CINCH_BAD_INPUT; `hashed` says whether it was there. Metadata with "cinch" must have it: so a file that
 * Cinch wrote is refused whichever bit of it is flipped. */
cinch_status cn_safetensors_parse(cn_bytes *bytes, const char *source, const cn_limits *limits,
                                  cn_safetensors *file, bool *hashed, cinch_error *error);
void cn_safetensors_clear(cn_safetensors *file);

const cn_tensor *cn_safetensors_tensor(const cn_safetensors *file, const char *name); /* NULL: none */
const char *cn_safetensors_metadata(const cn_safetensors *file, const char *key);     /* NULL: none */

/* Writes the file: {"__metadata__":{"sha256":"...", then the entries in order}, then the tensors in
 * order}, the header padded with blanks to 8 bytes; the hash is of the whole file with its 64 digits as
 * zeros. Bytes in texts that are not UTF-8 become U+FFFD. */
cinch_status cn_safetensors_write(const char *path, const cn_entry *metadata, size_t nmetadata,
                                  const cn_tensor *tensors, size_t ntensor, cinch_error *error);

#endif
