/* PNG by libpng, its errors and limits ours. Grey stays one channel, colour and palettes become three; 1, 2
 * and 4 bits are spread over 0 to 255; 16 bits stay. Alpha is dropped and the colours are as stored, what
 * Keras's load_img and PIL's convert("RGB") give too: blending would need a background that nobody named. */
#include "format/png.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "format/bytes.h"

enum {
    SIGNATURE_BYTES = 8,
    MOST_RATIO = 1032 /* deflate codes at most 258 bytes in two bits, 1032 to one */
};

/* What lives across a longjmp is here, not on the stack. */
struct cn_png {
    png_structp png;
    png_infop info;
    const cn_bytes *bytes;
    size_t at; /* bytes read so far */
    const char *source;
    bool starved, cut; /* an allocation failed; the bytes ended too early */
    char reason[128];  /* libpng's */
    cn_picture picture;
    unsigned char *pixels; /* where the rows go */
    size_t stride;         /* 0: each over the one before */
};

/* ---- What libpng calls --------------------------------------------------------------------------------- */

static void refuse(png_structp png, png_const_charp message)
{
    cn_png *in = png_get_error_ptr(png);

    snprintf(in->reason, sizeof in->reason, "%s", message);
    png_longjmp(png, 1);
}

static void ignore(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static png_voidp allocate(png_structp png, png_alloc_size_t nbytes)
{
    cn_png *in = png_get_mem_ptr(png);
    void *memory = cn_resize(NULL, nbytes, 1, NULL);

    in->starved |= memory == NULL;
    return memory;
}

static void release(png_structp png, png_voidp memory)
{
    (void)png;
    cn_free(memory);
}

static void take(png_structp png, png_bytep to, size_t nbytes)
{
    cn_png *in = png_get_io_ptr(png);

    if (in->bytes->nbytes - in->at < nbytes) {
        in->cut = true;
        png_error(png, "cut short");
    }
    memcpy(to, in->bytes->data + in->at, nbytes);
    in->at += nbytes;
}

/* ---- Steps, each of which may end in `refuse` ---------------------------------------------------------- */

/* A damaged checksum is an error wherever it is. Of the chunks that are no pixels none is kept: texts and
 * profiles are where bombs hide, and gamma would change values. */
static void read_head(cn_png *in)
{
    png_set_read_fn(in->png, in, take);
    png_set_user_limits(in->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* ours are asked after the head */
    png_set_crc_action(in->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_benign_errors(in->png, 0);
    png_set_keep_unknown_chunks(in->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(in->png, in->info);
}

static void read_pixels(cn_png *in)
{
    size_t value_nbytes = cn_type_size(in->picture.type);

    if (png_get_color_type(in->png, in->info) == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(in->png);
    else if (png_get_bit_depth(in->png, in->info) < 8)
        png_set_expand_gray_1_2_4_to_8(in->png);
    png_set_strip_alpha(in->png);
    if (cn_host_is_little())
        png_set_swap(in->png);
    int passes = png_set_interlace_handling(in->png);
    png_read_update_info(in->png, in->info);
    if (png_get_rowbytes(in->png, in->info) != in->picture.width * in->picture.channels * value_nbytes)
        png_error(in->png, "its rows are not as long as they should be");
    for (int pass = 0; pass < passes; pass++) {
        for (size_t row = 0; row < in->picture.height; row++)
            png_read_row(in->png, in->pixels + row * in->stride, NULL);
    }
    png_read_end(in->png, NULL);
}

static cinch_status attempt(cn_png *in, void (*step)(cn_png *in), cinch_error *error)
{
    if (setjmp(png_jmpbuf(in->png)) == 0) {
        step(in);
        if (!in->starved) /* some of libpng's allocations may fail with a mere warning */
            return CINCH_OK;
    }
    if (in->starved)
        return cn_fail(error, CINCH_MEMORY, "%s: not enough memory to read the PNG picture", in->source);
    if (in->cut)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: the PNG picture is cut short; fetch the file again",
                       in->source);
    return cn_fail(error, CINCH_BAD_INPUT, "%s: the PNG picture is damaged (%s); fetch the file again",
                   in->source, in->reason);
}

/* ---- A picture ----------------------------------------------------------------------------------------- */

/* A pixel takes its bits before deflate packs them. Interlaced or not, there are as many. */
static cinch_status check_claim(cn_png *in, const cn_format_options *options, cinch_error *error)
{
    const cn_limits *limits = options->limits;
    const cn_picture *picture = &in->picture;
    size_t bits = (size_t)png_get_bit_depth(in->png, in->info) * png_get_channels(in->png, in->info);
    size_t packed_bits;

    if (picture->width > limits->columns || picture->height > limits->columns)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: PNG of %zux%zu pixels; at most %zu a side are read",
                       in->source, picture->width, picture->height, limits->columns);
    if (picture->nbytes > limits->file_bytes)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: PNG of %zux%zu pixels; at most %zu bytes are read",
                       in->source, picture->width, picture->height, limits->file_bytes);
    if (cn_multiply(in->bytes->nbytes, 8 * MOST_RATIO, &packed_bits) &&
        picture->width * picture->height > packed_bits / bits)
        return cn_fail(error, CINCH_BAD_INPUT,
                       "%s: its head claims %zux%zu pixels, more than a PNG of %zu bytes can hold",
                       in->source, picture->width, picture->height, in->bytes->nbytes);
    return CINCH_OK;
}

static void describe(cn_png *in)
{
    cn_picture *picture = &in->picture;

    picture->type = png_get_bit_depth(in->png, in->info) == 16 ? CINCH_U16 : CINCH_U8;
    picture->width = png_get_image_width(in->png, in->info);
    picture->height = png_get_image_height(in->png, in->info);
    picture->channels = png_get_color_type(in->png, in->info) & PNG_COLOR_MASK_COLOR ? 3 : 1;
    /* 31 bits a side, 3 channels, 2 bytes: the product may not fit, and then counts as the most there is. */
    if (!cn_multiply(picture->width * picture->height, picture->channels * cn_type_size(picture->type),
                     &picture->nbytes))
        picture->nbytes = SIZE_MAX;
}

static cinch_status open_head(cn_png *in, const cn_format_options *options, cinch_error *error)
{
    in->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, in, refuse, ignore, in, allocate, release);
    in->info = in->png != NULL ? png_create_info_struct(in->png) : NULL;
    if (in->info == NULL)
        return cn_fail(error, CINCH_MEMORY, "%s: not enough memory to read the PNG picture", in->source);
    cinch_status status = attempt(in, read_head, error);
    if (status != CINCH_OK)
        return status;
    describe(in);
    return check_claim(in, options, error);
}

cinch_status cn_png_open(const cn_bytes *bytes, const cn_format_options *options, cn_png **png,
                         cn_picture *picture, cinch_error *error)
{
    *png = cn_new(1, sizeof **png, error);
    if (*png == NULL)
        return CINCH_MEMORY;
    (*png)->bytes = bytes;
    (*png)->source = options->source;
    cinch_status status = open_head(*png, options, error);
    *picture = (*png)->picture;
    if (status != CINCH_OK) {
        cn_png_close(*png);
        *png = NULL;
    }
    return status;
}

cinch_status cn_png_read(cn_png *in, void *pixels, cinch_error *error)
{
    size_t row_nbytes = in->picture.nbytes / in->picture.height;
    void *row = pixels == NULL ? cn_new(row_nbytes, 1, error) : NULL;

    if (pixels == NULL && row == NULL)
        return CINCH_MEMORY;
    in->pixels = pixels != NULL ? pixels : row;
    in->stride = pixels != NULL ? row_nbytes : 0;
    cinch_status status = attempt(in, read_pixels, error);
    cn_free(row);
    if (status == CINCH_OK && in->at < in->bytes->nbytes)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: %zu bytes are left over after the PNG picture",
                       in->source, in->bytes->nbytes - in->at);
    return status;
}

void cn_png_close(cn_png *in)
{
    if (in == NULL)
        return;
    if (in->png != NULL)
        png_destroy_read_struct(&in->png, &in->info, NULL);
    cn_free(in);
}

cinch_status cn_png_prove(const cn_bytes *bytes, const cn_format_options *options, const cn_picture *picture,
                          cinch_error *error)
{
    cn_picture same;
    cn_png *png;

    if (picture->nbytes <= options->limits->free_bytes + bytes->nbytes)
        return CINCH_OK;
    cinch_status status = cn_png_open(bytes, options, &png, &same, error);
    if (status == CINCH_OK)
        status = cn_png_read(png, NULL, error);
    cn_png_close(png);
    return status;
}

/* ---- As a row ------------------------------------------------------------------------------------------ */

bool cn_png_probe(const unsigned char *head, size_t nbytes)
{
    return nbytes >= SIGNATURE_BYTES && memcmp(head, "\x89PNG\r\n\x1a\n", SIGNATURE_BYTES) == 0;
}

/* How far pixels are packed stands nowhere in the head. */
static cinch_status png_claim(const unsigned char *head, size_t nbytes, const cn_format_options *options,
                              size_t *claimed, cinch_error *error)
{
    (void)head;
    (void)nbytes;
    (void)options;
    (void)error;
    *claimed = 0;
    return CINCH_OK;
}

static cinch_status read_row(cn_png *png, const cn_bytes *bytes, const cn_format_options *options,
                             const cn_picture *picture, cn_array *array, cinch_error *error)
{
    cinch_status status = cn_png_prove(bytes, options, picture, error);

    if (status != CINCH_OK)
        return status;
    void *pixels = cn_new(picture->nbytes, 1, error);
    if (pixels == NULL)
        return CINCH_MEMORY;
    status = cn_png_read(png, pixels, error);
    if (status != CINCH_OK) {
        cn_free(pixels);
        return status;
    }
    array->values = pixels;
    array->type = picture->type;
    array->shape = (cinch_shape){4, {1, picture->height, picture->width, picture->channels}};
    return CINCH_OK;
}

static cinch_status png_parse(cn_bytes *bytes, const cn_format_options *options, cn_array *array,
                              cinch_error *error)
{
    cn_picture picture;
    cn_png *png;

    cinch_status status = cn_png_open(bytes, options, &png, &picture, error);
    if (status == CINCH_OK)
        status = read_row(png, bytes, options, &picture, array, error);
    cn_png_close(png);
    return status;
}

const cn_format cn_format_png = {
    .name = "png",
    .probe = cn_png_probe,
    .claim = png_claim,
    .parse = png_parse,
};
