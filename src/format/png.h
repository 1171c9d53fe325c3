/* One PNG picture (ISO/IEC 15948) in memory, by libpng: first its head, so that the caller knows what to
 * allocate, then its pixels. */
#ifndef CN_FORMAT_PNG_H
#define CN_FORMAT_PNG_H

#include "format/format.h"

/* What it becomes: height x width x channels, bytes or 16 bits in the host's order. */
typedef struct cn_picture {
    cinch_type type; /* CINCH_U8 or CINCH_U16 */
    size_t height, width;
    size_t channels; /* 1 grey, 3 colour */
    size_t nbytes;
} cn_picture;

typedef struct cn_png cn_png;

/* Whether a file that begins so is a PNG picture. */
bool cn_png_probe(const unsigned char *head, size_t nbytes);

/* Reads the head and holds its claim against the bytes present, which must outlive it. *png is NULL on
 * failure. */
cinch_status cn_png_open(const cn_bytes *bytes, const cn_format_options *options, cn_png **png,
                         cn_picture *picture, cinch_error *error);
/* Reads to the end, once: picture.nbytes to `pixels`, or nowhere where it is NULL. Every checksum is held,
 * and nothing may be left over. */
cinch_status cn_png_read(cn_png *png, void *pixels, cinch_error *error);
void cn_png_close(cn_png *png);

/* Whether the picture may be given its room: one that claims more than options->limits->free_bytes beyond the
 * bytes present is first read to nowhere. */
cinch_status cn_png_prove(const cn_bytes *bytes, const cn_format_options *options, const cn_picture *picture,
                          cinch_error *error);

#endif
