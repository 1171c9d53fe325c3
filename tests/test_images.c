/* Pictures and archives as rows: PNG files of every kind that there is, folders of them, NPZ files; what is
 * cut, changed or lies is refused without a large allocation. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <png.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"
#include "counted.h"
#include "format/format.h"

extern const cn_format cn_format_png, cn_format_npz;

enum { MEGABYTE = 1 << 20 };

/* ---- Helpers ------------------------------------------------------------------------------------------- */

static void assert_says(const cinch_error *error, const char *part)
{
    if (strstr(error->message, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error->message, part);
}

/* Parses a block of exactly these bytes, so that reading one more is found by the sanitizers; holds the
 * bound on memory and that nothing leaks. The array is taken out of the count before. */
static cinch_status parse(const cn_format *format, const void *data, size_t nbytes,
                          const cn_format_options *given, cn_array *array, cinch_error *error)
{
    cn_format_options options = {.limits = &cn_limits_standard, .source = "file"};

    if (given != NULL)
        options = *given;
    memset(array, 0, sizeof *array);
    memset(error, 0, sizeof *error);
    cn_bytes bytes = {cn_new(nbytes, 1, NULL), nbytes};
    assert_non_null(bytes.data);
    if (nbytes > 0)
        memcpy(bytes.data, data, nbytes);
    cinch_status status = format->parse(&bytes, &options, array, error);
    cn_bytes_clear(&bytes);
    assert_int_equal(status, error->status);
    if (status != CINCH_OK) {
        assert_null(array->values);
        assert_null(array->bytes.data);
        assert_true(error->message[0] != '\0' && strchr(error->message, '\n') == NULL);
    }
    return status;
}

/* The same for what must be refused, with what it says; no more than 64 MB beyond the bytes may be asked
 * for. */
static void assert_refused(const cn_format *format, const void *data, size_t nbytes, const char *part)
{
    cn_array array;
    cinch_error error;

    counted_begin(0);
    cinch_status status = parse(format, data, nbytes, NULL, &array, &error);
    counted used = counted_memory;
    counted_end();
    assert_int_equal(status, CINCH_BAD_INPUT);
    assert_says(&error, part);
    assert_int_equal(used.blocks, 0);
    if (used.peak > 2 * nbytes + 64 * (size_t)MEGABYTE)
        fail_msg("%zu bytes were allocated for %zu: %s", used.peak, nbytes, error.message);
}

static double value_at(const cn_array *array, size_t index)
{
    return array->type == CINCH_U16   ? ((const uint16_t *)array->values)[index]
           : array->type == CINCH_I16 ? ((const int16_t *)array->values)[index]
           : array->type == CINCH_F32 ? (double)((const float *)array->values)[index]
                                      : ((const uint8_t *)array->values)[index];
}

/* ---- Making pictures ----------------------------------------------------------------------------------- */

typedef struct picture {
    unsigned width, height;
    int colour, depth, interlace;
    bool constant; /* every sample 1 */
} picture;

/* Sample c of a pixel, as deep as the picture is. */
static unsigned sample(const picture *p, unsigned x, unsigned y, unsigned c)
{
    return p->constant
               ? 1
               : ((x * 7919 + y * 104729 + c * 31 + x * y * 17) * 2654435761u >> 16) & ((1u << p->depth) - 1);
}

static unsigned nsample(const picture *p)
{
    return p->colour == PNG_COLOR_TYPE_RGB          ? 3
           : p->colour == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
           : p->colour == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                                    : 1;
}

static unsigned palette_at(unsigned index, unsigned c)
{
    return (index * 37 + c * 91 + 5) & 255;
}

/* What Cinch should make of it, from the standard's words alone. */
static unsigned expected(const picture *p, unsigned x, unsigned y, unsigned c)
{
    if (p->colour == PNG_COLOR_TYPE_PALETTE)
        return palette_at(sample(p, x, y, 0), c);
    unsigned value = sample(p, x, y, c);
    return p->depth < 8 ? value * 255 / ((1u << p->depth) - 1) : value;
}

/* One row as the file has it: samples packed from the left, 16 bits with the high byte first. */
static void pack_row(const picture *p, unsigned y, unsigned char *row, size_t row_nbytes)
{
    memset(row, 0, row_nbytes);
    for (unsigned i = 0; i < p->width * nsample(p); i++) {
        unsigned value = sample(p, i / nsample(p), y, i % nsample(p)), bit = i * (unsigned)p->depth;
        if (p->depth == 16) {
            row[bit / 8] = (unsigned char)(value >> 8);
            row[bit / 8 + 1] = (unsigned char)value;
        } else {
            row[bit / 8] = (unsigned char)(row[bit / 8] | value << (8 - (unsigned)p->depth - bit % 8));
        }
    }
}

static void write_text(png_structp png, png_bytep data, size_t nbytes)
{
    cn_text_add_bytes(png_get_io_ptr(png), data, nbytes);
}

static void flush_text(png_structp png)
{
    (void)png;
}

/* The picture as libpng writes it; the caller clears it. With `extras`, what may stand beside the pixels. */
static cn_text make_png(const picture *p, bool extras)
{
    cn_text text = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    size_t row_nbytes = ((size_t)p->width * nsample(p) * (size_t)p->depth + 7) / 8;
    unsigned char *pixels = malloc(row_nbytes * p->height), **rows = malloc(p->height * sizeof *rows);
    png_color palette[256];

    assert_true(pixels && rows && !setjmp(png_jmpbuf(png)));
    for (unsigned y = 0; y < p->height; y++) {
        rows[y] = pixels + y * row_nbytes;
        pack_row(p, y, rows[y], row_nbytes);
    }
    for (unsigned i = 0; i < 256; i++)
        palette[i] =
            (png_color){(png_byte)palette_at(i, 0), (png_byte)palette_at(i, 1), (png_byte)palette_at(i, 2)};
    png_set_write_fn(png, &text, write_text, flush_text);
    png_set_IHDR(png, info, p->width, p->height, p->depth, p->colour, p->interlace,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (p->colour == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, 1 << p->depth);
    if (extras) {
        png_text note = {.compression = PNG_TEXT_COMPRESSION_zTXt,
                         .key = (char[]){"Title"},
                         .text = (char[]){"a picture"}};
        png_set_text(png, info, &note, 1);
        png_set_gAMA(png, info, 0.2);
        if (p->colour == PNG_COLOR_TYPE_PALETTE)
            png_set_tRNS(png, info, (const png_byte[]){0, 128}, 2, NULL);
        else if (!(p->colour & PNG_COLOR_MASK_ALPHA))
            png_set_tRNS(png, info, NULL, 0, &(png_color_16){.gray = 1, .red = 1, .green = 1, .blue = 1});
    }
    png_set_rows(png, info, rows);
    png_write_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
    png_destroy_write_struct(&png, &info);
    free(pixels);
    free(rows);
    assert_false(text.failed);
    return text;
}

/* A chunk with its checksum. */
static void add_chunk(cn_text *text, const char *name, const void *data, size_t nbytes)
{
    unsigned char word[4] = {(unsigned char)(nbytes >> 24), (unsigned char)(nbytes >> 16),
                             (unsigned char)(nbytes >> 8), (unsigned char)nbytes};
    uLong crc = crc32(0, (const Bytef *)name, 4);

    if (nbytes > 0)
        crc = crc32(crc, data, (uInt)nbytes);
    cn_text_add_bytes(text, word, 4);
    cn_text_add_bytes(text, name, 4);
    if (nbytes > 0)
        cn_text_add_bytes(text, data, nbytes);
    for (int i = 0; i < 4; i++)
        word[i] = (unsigned char)(crc >> (24 - 8 * i));
    cn_text_add_bytes(text, word, 4);
}

static cn_text begin_png(unsigned width, unsigned height, int depth, int colour)
{
    cn_text text = {0};
    unsigned char head[13] = {(unsigned char)(width >> 24),
                              (unsigned char)(width >> 16),
                              (unsigned char)(width >> 8),
                              (unsigned char)width,
                              (unsigned char)(height >> 24),
                              (unsigned char)(height >> 16),
                              (unsigned char)(height >> 8),
                              (unsigned char)height,
                              (unsigned char)depth,
                              (unsigned char)colour,
                              0,
                              0,
                              0};

    cn_text_add_bytes(&text, "\x89PNG\r\n\x1a\n", 8);
    add_chunk(&text, "IHDR", head, sizeof head);
    return text;
}

/* ---- PNG ----------------------------------------------------------------------------------------------- */

static const int kinds[][2] = {
    {PNG_COLOR_TYPE_GRAY, 1},        {PNG_COLOR_TYPE_GRAY, 2},      {PNG_COLOR_TYPE_GRAY, 4},
    {PNG_COLOR_TYPE_GRAY, 8},        {PNG_COLOR_TYPE_GRAY, 16},     {PNG_COLOR_TYPE_RGB, 8},
    {PNG_COLOR_TYPE_RGB, 16},        {PNG_COLOR_TYPE_PALETTE, 1},   {PNG_COLOR_TYPE_PALETTE, 2},
    {PNG_COLOR_TYPE_PALETTE, 4},     {PNG_COLOR_TYPE_PALETTE, 8},   {PNG_COLOR_TYPE_GRAY_ALPHA, 8},
    {PNG_COLOR_TYPE_GRAY_ALPHA, 16}, {PNG_COLOR_TYPE_RGB_ALPHA, 8}, {PNG_COLOR_TYPE_RGB_ALPHA, 16},
};

enum { NKIND = sizeof kinds / sizeof kinds[0] };

static void check_pixels(const picture *p, const cn_array *array)
{
    unsigned channels = p->colour & PNG_COLOR_MASK_COLOR ? 3 : 1;
    size_t at = 0;

    assert_int_equal(array->type, p->depth == 16 ? CINCH_U16 : CINCH_U8);
    assert_int_equal(array->shape.rank, 4);
    assert_int_equal(array->shape.sizes[0], 1);
    assert_int_equal(array->shape.sizes[1], p->height);
    assert_int_equal(array->shape.sizes[2], p->width);
    assert_int_equal(array->shape.sizes[3], channels);
    for (unsigned y = 0; y < p->height; y++)
        for (unsigned x = 0; x < p->width; x++)
            for (unsigned c = 0; c < channels; c++, at++)
                if (value_at(array, at) != expected(p, x, y, c))
                    fail_msg("colour %d depth %d interlace %d: (%u, %u, %u) is %g, not %u", p->colour,
                             p->depth, p->interlace, y, x, c, value_at(array, at), expected(p, x, y, c));
}

static void test_png(void **state)
{
    static const unsigned sizes[][2] = {{13, 7}, {1, 1}, {1, 9}, {9, 1}, {32, 33}};

    (void)state;
    for (int i = 0; i < NKIND * 4; i++) {
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            picture p = {sizes[s][0], sizes[s][1], kinds[i / 4][0], kinds[i / 4][1], i & 1, false};
            cn_text png = make_png(&p, i & 2);
            cn_array array;
            cinch_error error;
            if (parse(&cn_format_png, png.chars, png.length, NULL, &array, &error) != CINCH_OK)
                fail_msg("colour %d depth %d interlace %d: %s", p.colour, p.depth, p.interlace,
                         error.message);
            check_pixels(&p, &array);
            cn_array_clear(&array);
            cn_text_clear(&png);
        }
    }
}

/* Every chunk has a checksum, so that no cut and no changed byte goes by. */
static void test_png_damaged(void **state)
{
    (void)state;
    for (int i = 0; i < NKIND * 2; i++) {
        picture p = {5, 4, kinds[i / 2][0], kinds[i / 2][1], i & 1, false};
        cn_text png = make_png(&p, true);
        for (size_t n = 0; n < png.length; n++)
            assert_refused(&cn_format_png, png.chars, n, "file: ");
        for (size_t at = 0; at < png.length; at++) {
            static const unsigned char changes[] = {1, 0x20, 0x80, 0xff};
            for (size_t c = 0; c < sizeof changes; c++) {
                png.chars[at] = (char)(png.chars[at] ^ changes[c]);
                assert_refused(&cn_format_png, png.chars, png.length, "file: ");
                png.chars[at] = (char)(png.chars[at] ^ changes[c]);
            }
        }
        cn_text_add_bytes(&png, "tail", 4);
        assert_refused(&cn_format_png, png.chars, png.length, "4 bytes are left over");
        cn_text_clear(&png);
    }
}

static void refuse_claim(unsigned width, unsigned height, int depth, int colour, size_t padding,
                         const char *part)
{
    cn_text text = begin_png(width, height, depth, colour);
    unsigned char *zeros = calloc(padding + 6, 1), packed[64];
    uLongf npacked = sizeof packed;

    assert_non_null(zeros);
    if (colour == PNG_COLOR_TYPE_PALETTE)
        add_chunk(&text, "PLTE", zeros, 6);
    if (padding > 0)
        add_chunk(&text, "prVt", zeros, padding);
    assert_int_equal(compress(packed, &npacked, (const Bytef *)"\0\0\0\0", 4), Z_OK);
    add_chunk(&text, "IDAT", packed, npacked);
    add_chunk(&text, "IEND", NULL, 0);
    assert_refused(&cn_format_png, text.chars, text.length, part);
    free(zeros);
    cn_text_clear(&text);
}

static void test_png_liars(void **state)
{
    (void)state;
    refuse_claim(0x7fffffff, 0x7fffffff, 16, PNG_COLOR_TYPE_RGB_ALPHA, 0, "at most 1000000 a side");
    refuse_claim(1, 1000001, 8, PNG_COLOR_TYPE_GRAY, 0, "1x1000001 pixels");
    refuse_claim(1000000, 1000000, 16, PNG_COLOR_TYPE_RGB, 0, "bytes are read");
    refuse_claim(20000, 20000, 8, PNG_COLOR_TYPE_RGB, 0, "more than a PNG of");
    refuse_claim(1000000, 1, 1, PNG_COLOR_TYPE_PALETTE, 0, "more than a PNG of");
    /* Within what deflate could do, but not there: 24 bytes a bit would be 1.2 GB. */
    refuse_claim(20000, 20000, 1, PNG_COLOR_TYPE_PALETTE, 100000, "damaged");
    refuse_claim(9000, 9000, 8, PNG_COLOR_TYPE_RGB, 300000, "damaged");
}

/* Chunks that are not pixels are not looked into: nonsense in them costs nothing, gamma changes nothing. */
static void test_png_beside(void **state)
{
    static const char *const names[] = {"iCCP", "zTXt", "iTXt", "tEXt", "gAMA",
                                        "eXIf", "sPLT", "acTL", "prVt"};
    static const unsigned char row[] = {0, 1, 2}, nonsense[] = "Title\0\0x\xda\xff\xff\xff\xff\xff";
    unsigned char packed[64];
    uLongf npacked = sizeof packed;
    cn_text text = begin_png(2, 1, 8, PNG_COLOR_TYPE_GRAY);
    cn_array array;
    cinch_error error;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        add_chunk(&text, names[i], nonsense, sizeof nonsense);
    assert_int_equal(compress(packed, &npacked, row, sizeof row), Z_OK);
    add_chunk(&text, "IDAT", packed, npacked);
    add_chunk(&text, "IEND", NULL, 0);
    if (parse(&cn_format_png, text.chars, text.length, NULL, &array, &error) != CINCH_OK)
        fail_msg("%s", error.message);
    assert_true(value_at(&array, 0) == 1 && value_at(&array, 1) == 2);
    cn_array_clear(&array);
    cn_text_clear(&text);
}

/* A claim beyond what is believed, that is true. */
static void test_png_large(void **state)
{
    picture p = {8000, 3000, PNG_COLOR_TYPE_PALETTE, 1, PNG_INTERLACE_NONE, true};
    cn_text png = make_png(&p, false);
    cn_array array;
    cinch_error error;

    (void)state;
    assert_true(png.length < MEGABYTE / 4);
    assert_int_equal(parse(&cn_format_png, png.chars, png.length, NULL, &array, &error), CINCH_OK);
    assert_int_equal(array.shape.sizes[1], 3000);
    for (size_t i = 0; i < 8000u * 3000u * 3u; i += 9973)
        assert_true(value_at(&array, i) == palette_at(1, (unsigned)(i % 3)));
    cn_array_clear(&array);
    cn_text_clear(&png);
}

/* ---- Folders ------------------------------------------------------------------------------------------- */

static char folder[64];

static const char *inside(const char *name)
{
    static char path[160];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const void *data, size_t nbytes)
{
    FILE *file = fopen(inside(name), "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, nbytes, file), nbytes);
    assert_int_equal(fclose(file), 0);
}

static void put_png(const char *name, unsigned width, int colour, int depth)
{
    picture p = {width, 3, colour, depth, PNG_INTERLACE_NONE, false};
    cn_text png = make_png(&p, false);

    put(name, png.chars, png.length);
    cn_text_clear(&png);
}

static void empty_folder(void)
{
    char command[192];

    snprintf(command, sizeof command, "rm -rf %s && mkdir %s", folder, folder);
    assert_int_equal(system(command), 0);
}

static cinch_status read_folder(const cn_limits *limits, cn_array *array, cinch_error *error)
{
    cn_format_options options = {.limits = limits, .source = "pictures"};

    memset(error, 0, sizeof *error);
    cinch_status status = cn_array_read(folder, &options, array, error);
    assert_int_equal(status, error->status);
    return status;
}

static void folder_refused(cinch_status wanted, const char *first, const char *second)
{
    cn_array array;
    cinch_error error;

    counted_begin(0);
    cinch_status status = read_folder(&cn_limits_standard, &array, &error);
    assert_int_equal(counted_memory.blocks, 0);
    counted_end();
    assert_int_equal(status, wanted);
    assert_says(&error, first);
    assert_says(&error, second);
    empty_folder();
}

/* One pixel, whose value says which file it was. */
static void put_pixel(const char *name, unsigned char value)
{
    cn_text text = begin_png(1, 1, 8, PNG_COLOR_TYPE_GRAY);
    unsigned char row[2] = {0, value}, packed[64];
    uLongf npacked = sizeof packed;

    assert_int_equal(compress(packed, &npacked, row, 2), Z_OK);
    add_chunk(&text, "IDAT", packed, npacked);
    add_chunk(&text, "IEND", NULL, 0);
    put(name, text.chars, text.length);
    cn_text_clear(&text);
}

static void test_folder(void **state)
{
    static const char *const names[] = {"A.PNG",     "_.png",    "a.png",       "img1.png",
                                        "img10.png", "img2.png", "\xc3\xa4.Png"};
    enum { COUNT = sizeof names / sizeof names[0] };
    cn_limits limits = cn_limits_standard;
    cn_array array;
    cinch_error error;

    (void)state;
    for (int i = COUNT - 1; i >= 0; i--)
        put_pixel(names[i], (unsigned char)(10 * i));
    put(".hidden.png", "nothing", 7);
    put("labels.csv", "a\n1\n", 4);
    put("png", "no picture", 10);
    put(".jpg", "", 0);
    assert_int_equal(mkdir(inside("cats"), 0777), 0);
    /* With room for all at once, and for one at first. */
    for (int grown = 0; grown < 2; grown++) {
        if (grown)
            limits.free_bytes = 0;
        if (read_folder(&limits, &array, &error) != CINCH_OK)
            fail_msg("%s", error.message);
        assert_int_equal(array.shape.rank, 4);
        assert_int_equal(array.shape.sizes[0], COUNT);
        assert_int_equal(array.shape.sizes[1] * array.shape.sizes[2] * array.shape.sizes[3], 1);
        for (int i = 0; i < COUNT; i++)
            assert_true(value_at(&array, (size_t)i) == 10 * i);
        cn_array_clear(&array);
    }
    empty_folder();
}

/* Pictures that pack so well that room is made as they come. */
static void test_folder_grows(void **state)
{
    picture p = {200, 100, PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_NONE, true};
    cn_text png = make_png(&p, false);
    cn_limits limits = cn_limits_standard;
    cn_array array;
    cinch_error error;
    char name[16];

    (void)state;
    for (int i = 0; i < 11; i++) {
        snprintf(name, sizeof name, "%02d.png", i);
        put(name, png.chars, png.length);
    }
    cn_text_clear(&png);
    limits.free_bytes = 0;
    counted_begin(0);
    assert_int_equal(read_folder(&limits, &array, &error), CINCH_OK);
    assert_in_range(counted_memory.largest, 11 * 60000, 11 * 60000 + 1000);
    for (size_t i = 0; i < 11 * 60000; i++)
        assert_int_equal(((unsigned char *)array.values)[i], 1);
    cn_array_clear(&array);
    counted_end();
    limits.file_bytes = 10 * 60000;
    assert_int_equal(read_folder(&limits, &array, &error), CINCH_BAD_INPUT);
    assert_says(&error, "11 pictures of 60000 bytes");
    empty_folder();
}

static void test_folder_refusals(void **state)
{
    (void)state;
    folder_refused(CINCH_BAD_INPUT, folder, "no PNG files");
    put("rows.csv", "1\n", 2);
    folder_refused(CINCH_BAD_INPUT, "no PNG files", "\"rows.csv\"");
    put_png("a.png", 4, PNG_COLOR_TYPE_GRAY, 8);
    put_png("b.png", 4, PNG_COLOR_TYPE_GRAY, 4);
    put_png("c.png", 5, PNG_COLOR_TYPE_GRAY, 8);
    put_png("d.png", 6, PNG_COLOR_TYPE_RGB, 8);
    folder_refused(CINCH_BAD_INPUT, "/c.png: is 5x3 pixels", "/a.png is 4x3");
    put_png("a.png", 4, PNG_COLOR_TYPE_GRAY, 8);
    put_png("b.png", 4, PNG_COLOR_TYPE_PALETTE, 8);
    folder_refused(CINCH_BAD_INPUT, "/b.png: is in colour", "/a.png is grey");
    put_png("a.png", 4, PNG_COLOR_TYPE_RGB, 16);
    put_png("b.png", 4, PNG_COLOR_TYPE_RGB, 8);
    folder_refused(CINCH_BAD_INPUT, "/b.png: has uint8 values", "/a.png has uint16");
    put_png("a.png", 4, PNG_COLOR_TYPE_GRAY, 8);
    put("b.JPG", "\xff\xd8\xff", 3);
    folder_refused(CINCH_BAD_INPUT, "/b.JPG", "only PNG");
    put_png("a.png", 4, PNG_COLOR_TYPE_GRAY, 8);
    put("b.png", "\xff\xd8\xff\xe0....", 8);
    folder_refused(CINCH_BAD_INPUT, "/b.png: is a JPEG", "PNG");
    put("a.png", "plain text", 10);
    folder_refused(CINCH_BAD_INPUT, "/a.png", "is not a PNG picture");
    put("a.png", "", 0);
    folder_refused(CINCH_BAD_INPUT, "/a.png", "is empty");
    put_png("a.png", 4, PNG_COLOR_TYPE_GRAY, 8);
    put("b.png", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
    folder_refused(CINCH_BAD_INPUT, "/b.png", "cut short");
    put_png("a.png", 4, PNG_COLOR_TYPE_GRAY, 8);
    assert_int_equal(mkdir(inside("b.png"), 0777), 0);
    folder_refused(CINCH_IO, "/b.png", "is not a file");
    assert_int_equal(mkfifo(inside("c.png"), 0666), 0);
    folder_refused(CINCH_IO, "/c.png", "is not a file");
    assert_int_equal(symlink("nowhere", inside("a.png")), 0);
    folder_refused(CINCH_IO, "/a.png", "is not a file");
    put_png("a\x1b[31m.png", 4, PNG_COLOR_TYPE_GRAY, 8);
    put_png("b.png", 5, PNG_COLOR_TYPE_GRAY, 8);
    folder_refused(CINCH_BAD_INPUT, "a\\x1b[31m.png", "b.png");
}

/* ---- NPZ ----------------------------------------------------------------------------------------------- */

/* numpy.savez_compressed(..., codes=[[1, -2], [3, -4], [5, -600]]) of numpy 2: deflated, zip64 sizes in
 * front. */
static const char numpy_file[] =
    "\x50\x4b\x03\x04\x2d\x00\x00\x00\x08\x00\x00\x00\x21\x00\xfb\x58\x9d\x0a\xff\xff\xff\xff\xff\xff"
    "\xff\xff\x09\x00\x14\x00\x63\x6f\x64\x65\x73\x2e\x6e\x70\x79\x01\x00\x10\x00\x8c\x00\x00\x00\x00"
    "\x00\x00\x00\x53\x00\x00\x00\x00\x00\x00\x00\x9b\xec\x17\xea\x1b\x10\xc9\xc8\x50\xc6\x50\xad\x9e"
    "\x92\x5a\x9c\x5c\xa4\x6e\xa5\xa0\x6e\x93\x69\xa4\xae\xa3\xa0\x9e\x96\x5f\x54\x52\x94\x98\x17\x9f"
    "\x5f\x94\x92\x0a\x12\x77\x4b\xcc\x29\x4e\x05\x8a\x17\x67\x24\x16\xa4\x02\xf9\x1a\xc6\x3a\x0a\x46"
    "\x9a\x3a\x0a\xb5\x0a\x64\x03\x2e\x46\x86\x7f\xff\x99\x19\xfe\xfc\x67\x65\x58\xf1\x17\x00\x50\x4b"
    "\x01\x02\x2d\x03\x2d\x00\x00\x00\x08\x00\x00\x00\x21\x00\xfb\x58\x9d\x0a\x53\x00\x00\x00\x8c\x00"
    "\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x01\x00\x00\x00\x00\x63\x6f\x64\x65"
    "\x73\x2e\x6e\x70\x79\x50\x4b\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00\x37\x00\x00\x00\x8e\x00\x00"
    "\x00\x00\x00";
static const int numpy_values[] = {1, -2, 3, -4, 5, -600};

static void check_numpy_values(const cn_array *array)
{
    assert_int_equal(array->type, CINCH_I16);
    assert_int_equal(array->shape.rank, 2);
    assert_int_equal(array->shape.sizes[0], 3);
    for (size_t i = 0; i < 6; i++)
        assert_true(value_at(array, i) == numpy_values[i]);
}

static void test_npz(void **state)
{
    static const char *const names[] = {NULL, "codes", "codes.npy"};
    cn_array array;
    cinch_error error;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        cn_format_options options = {.limits = &cn_limits_standard, .source = "file", .array = names[i]};
        if (parse(&cn_format_npz, numpy_file, sizeof numpy_file - 1, &options, &array, &error) != CINCH_OK)
            fail_msg("%s", error.message);
        check_numpy_values(&array);
        cn_array_clear(&array);
    }
    cn_format_options options = {.limits = &cn_limits_standard, .source = "file", .array = "code"};
    assert_int_equal(parse(&cn_format_npz, numpy_file, sizeof numpy_file - 1, &options, &array, &error),
                     CINCH_BAD_INPUT);
    assert_says(&error, "no array \"code\"; it holds: codes");
}

/* A changed byte may lie in a date or a version that says nothing of the values: then they are the same. */
static void test_npz_damaged(void **state)
{
    char bytes[sizeof numpy_file];
    cn_array array;
    cinch_error error;
    size_t refused = 0;

    (void)state;
    for (size_t n = 0; n < sizeof numpy_file - 1; n++)
        assert_refused(&cn_format_npz, numpy_file, n, "file: ");
    for (size_t at = 0; at < sizeof numpy_file - 1; at++) {
        static const unsigned char changes[] = {1, 0x20, 0x80, 0xff};
        for (size_t c = 0; c < sizeof changes; c++) {
            memcpy(bytes, numpy_file, sizeof bytes);
            bytes[at] = (char)(bytes[at] ^ changes[c]);
            counted_begin(0);
            if (parse(&cn_format_npz, bytes, sizeof bytes - 1, NULL, &array, &error) == CINCH_OK)
                check_numpy_values(&array);
            else
                refused++;
            cn_array_clear(&array);
            assert_int_equal(counted_memory.blocks, 0);
            assert_true(counted_memory.peak < 65 * (size_t)MEGABYTE);
            counted_end();
        }
    }
    assert_true(refused > 500);
}

/* A member of an archive made here, and what its headers say instead of the truth. */
typedef struct member {
    const char *name;
    const void *data;
    size_t nbytes;
    bool deflated;
    size_t claimed, packed; /* 0: the truth */
    unsigned method, flags; /* method 0: by `deflated` */
    uint32_t crc;           /* 0: the truth */
} member;

static void add_number(cn_text *text, uint64_t value, int nbytes)
{
    for (int i = 0; i < nbytes; i++, value >>= 8)
        cn_text_add_bytes(text, &(unsigned char){(unsigned char)value}, 1);
}

/* Raw deflate; the caller frees it. */
static unsigned char *deflate_raw(const void *data, size_t nbytes, size_t *npacked)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&stream, nbytes);
    unsigned char *packed = malloc(room);

    assert_non_null(packed);
    stream.next_in = (Bytef *)(uintptr_t)data;
    stream.avail_in = (uInt)nbytes;
    stream.next_out = packed;
    stream.avail_out = (uInt)room;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    *npacked = room - stream.avail_out;
    deflateEnd(&stream);
    return packed;
}

/* What a member's two headers have in common. */
static void add_fields(cn_text *text, const member *m, size_t npacked)
{
    uLong crc = m->crc != 0 ? m->crc : crc32(0, m->data, (uInt)m->nbytes);

    add_number(text, 20, 2);
    add_number(text, m->flags, 2);
    add_number(text, m->method != 0 ? m->method : m->deflated ? 8 : 0, 2);
    add_number(text, 0x210000, 4);
    add_number(text, crc, 4);
    add_number(text, m->packed != 0 ? m->packed : npacked, 4);
    add_number(text, m->claimed != 0 ? m->claimed : m->nbytes, 4);
    add_number(text, strlen(m->name), 2);
    add_number(text, 0, 2);
}

static cn_text make_zip(const member *members, size_t count, size_t directory_claim)
{
    cn_text text = {0}, directory = {0};

    for (size_t i = 0; i < count; i++) {
        const member *m = &members[i];
        size_t npacked = m->nbytes, at = text.length;
        unsigned char *packed = m->deflated ? deflate_raw(m->data, m->nbytes, &npacked) : NULL;
        cn_text_add_bytes(&text, "PK\3\4", 4);
        add_fields(&text, m, npacked);
        cn_text_add_bytes(&text, m->name, strlen(m->name));
        cn_text_add_bytes(&text, packed != NULL ? packed : m->data, npacked);
        cn_text_add_bytes(&directory, "PK\1\2\24\0", 6);
        add_fields(&directory, m, npacked);
        add_number(&directory, 0, 10);
        add_number(&directory, at, 4);
        cn_text_add_bytes(&directory, m->name, strlen(m->name));
        free(packed);
    }
    size_t directory_at = text.length;
    cn_text_add_bytes(&text, directory.chars, directory.length);
    cn_text_add_bytes(&text, "PK\5\6\0\0\0\0", 8);
    add_number(&text, count, 2);
    add_number(&text, count, 2);
    add_number(&text, directory_claim != 0 ? directory_claim : directory.length, 4);
    add_number(&text, directory_at, 4);
    add_number(&text, 0, 2);
    cn_text_clear(&directory);
    assert_false(text.failed);
    return text;
}

/* n bytes as an NPY file of uint8, all zero but for the first. */
static cn_bytes make_bytes(size_t rows, size_t columns)
{
    cn_bytes header, whole;

    assert_int_equal(cn_npy_header(CINCH_U8, (cinch_shape){2, {rows, columns}}, &header, NULL), CINCH_OK);
    whole = (cn_bytes){cn_new(header.nbytes + rows * columns, 1, NULL), header.nbytes + rows * columns};
    assert_non_null(whole.data);
    memcpy(whole.data, header.data, header.nbytes);
    whole.data[header.nbytes] = 77;
    cn_bytes_clear(&header);
    return whole;
}

static void zip_refused(const member *members, size_t count, size_t directory_claim, const char *part)
{
    cn_text zip = make_zip(members, count, directory_claim);

    assert_refused(&cn_format_npz, zip.chars, zip.length, part);
    cn_text_clear(&zip);
}

static void test_npz_choice(void **state)
{
    cn_bytes a = make_bytes(2, 3), b = make_bytes(4, 1);
    const member two[] = {{.name = "x_train.npy", .data = a.data, .nbytes = a.nbytes},
                          {.name = "note.txt", .data = "hello", .nbytes = 5},
                          {.name = "y\x1b[1m.npy", .data = b.data, .nbytes = b.nbytes, .deflated = true}};
    cn_text zip = make_zip(two, 3, 0);
    cn_format_options options = {.limits = &cn_limits_standard, .source = "file", .array = "y\x1b[1m"};
    cn_array array;
    cinch_error error;

    (void)state;
    assert_refused(&cn_format_npz, zip.chars, zip.length, "say which with --array: x_train, y\\x1b[1m");
    assert_int_equal(parse(&cn_format_npz, zip.chars, zip.length, &options, &array, &error), CINCH_OK);
    assert_int_equal(array.shape.sizes[0], 4);
    assert_true(value_at(&array, 0) == 77);
    cn_array_clear(&array);
    options.array = "note.txt";
    assert_int_equal(parse(&cn_format_npz, zip.chars, zip.length, &options, &array, &error), CINCH_BAD_INPUT);
    cn_text_clear(&zip);
    zip = make_zip(two, 2, 0);
    assert_int_equal(parse(&cn_format_npz, zip.chars, zip.length, NULL, &array, &error), CINCH_OK);
    assert_int_equal(array.shape.sizes[1], 3);
    cn_array_clear(&array);
    cn_text_add_bytes(&zip, "tail", 4);
    assert_refused(&cn_format_npz, zip.chars, zip.length, "damaged");
    cn_text_clear(&zip);
    zip_refused(two + 1, 1, 0, "without an array");
    cn_bytes_clear(&a);
    cn_bytes_clear(&b);
}

static void test_npz_liars(void **state)
{
    cn_bytes plain = make_bytes(1000, 10);
    member honest = {.name = "a.npy", .data = plain.data, .nbytes = plain.nbytes, .deflated = true},
           m = honest;
    const member twice[] = {honest, honest};

    (void)state;
    m.claimed = 0x7fffffff;
    zip_refused(&m, 1, 0, "packed ones can hold");
    m.claimed = plain.nbytes + 1;
    zip_refused(&m, 1, 0, "the zip file says");
    m = honest;
    m.claimed = plain.nbytes - 1;
    zip_refused(&m, 1, 0, "the zip file says");
    m = honest;
    m.packed = 10;
    zip_refused(&m, 1, 0, "file: ");
    m.packed = 0x7fffffff;
    zip_refused(&m, 1, 0, "file: ");
    m = honest;
    m.flags = 1;
    zip_refused(&m, 1, 0, "encrypted");
    m = honest;
    m.method = 12;
    zip_refused(&m, 1, 0, "method 12");
    m = honest;
    m.crc = 12345;
    zip_refused(&m, 1, 0, "CRC");
    zip_refused(twice, 2, 0, "file: ");
    zip_refused(&honest, 1, 5 * MEGABYTE, "list of members claims 5242880 bytes");
    m = (member){.name = "a.npy", .data = "no array", .nbytes = 8};
    zip_refused(&m, 1, 0, "is not an NPY array");
    assert_refused(&cn_format_npz, "PK\3\4\0\0", 6, "cut short");
    cn_bytes_clear(&plain);
}

/* A claim beyond what is believed: one that is true, one whose bytes are not there. */
static void test_npz_large(void **state)
{
    cn_bytes plain = make_bytes(70000, 1000);
    for (uint32_t i = 0, draw = 1; i < 100000; i++, draw = draw * 1664525 + 1013904223)
        plain.data[MEGABYTE + i] =
            (unsigned char)(draw >> 24); /* so that deflate might hold more than it does */
    member m = {.name = "a.npy", .data = plain.data, .nbytes = plain.nbytes, .deflated = true};
    cn_text zip = make_zip(&m, 1, 0);
    cn_array array;
    cinch_error error;

    (void)state;
    assert_true(zip.length < MEGABYTE);
    assert_int_equal(parse(&cn_format_npz, zip.chars, zip.length, NULL, &array, &error), CINCH_OK);
    assert_true(value_at(&array, 0) == 77);
    cn_array_clear(&array);
    cn_text_clear(&zip);
    /* The header speaks of 70 MB, and so do the headers of the archive; then come 20 MB. */
    m.claimed = plain.nbytes;
    m.nbytes = 20 * MEGABYTE;
    m.crc = 1;
    zip = make_zip(&m, 1, 0);
    counted_begin(0);
    assert_int_equal(parse(&cn_format_npz, zip.chars, zip.length, NULL, &array, &error), CINCH_BAD_INPUT);
    assert_says(&error, "file: a.npy: ");
    if (strstr(error.message, "packed ones") || counted_memory.peak > 64 * (size_t)MEGABYTE)
        fail_msg("%zu bytes: %s", counted_memory.peak, error.message);
    counted_end();
    cn_text_clear(&zip);
    cn_bytes_clear(&plain);
}

/* Python's own zipfile, where there is one: stored and deflated, with and without zip64 sizes. */
static void test_npz_python(void **state)
{
    static const char program[] =
        "python3 -c 'import sys, zipfile\n"
        "data = open(sys.argv[1], \"rb\").read()\n"
        "for i in range(4):\n"
        "    z = zipfile.ZipFile(sys.argv[1] + str(i), \"w\", (0, 8)[i %% 2])\n"
        "    with z.open(\"arr_0.npy\", \"w\", force_zip64=i > 1) as f: f.write(data)\n"
        "    z.close()' %s 2> %s.said";
    cn_bytes plain = make_bytes(5, 4);
    char command[1024], name[16];
    cn_array array;
    cinch_error error = {0};
    cn_format_options options = {.limits = &cn_limits_standard};

    (void)state;
    if (system("python3 -c 'import zipfile' > /dev/null 2>&1") != 0) {
        cn_bytes_clear(&plain);
        skip();
    }
    put("npz", plain.data, plain.nbytes);
    cn_bytes_clear(&plain);
    snprintf(command, sizeof command, program, inside("npz"), inside("npz"));
    assert_int_equal(system(command), 0);
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "npz%d", i);
        if (cn_array_read(inside(name), &options, &array, &error) != CINCH_OK)
            fail_msg("%s", error.message);
        assert_int_equal(array.shape.sizes[0], 5);
        assert_true(value_at(&array, 0) == 77);
        cn_array_clear(&array);
    }
    empty_folder();
}

/* ---- Everything fails ---------------------------------------------------------------------------------- */

static cinch_status read_three(cinch_error *error)
{
    cn_format_options options = {.limits = &cn_limits_standard};
    cn_limits tight = cn_limits_standard;
    cn_array array;
    char path[160];

    strcpy(path, inside("one/z.png"));
    cinch_status status = cn_array_read(path, &options, &array, error);
    cn_array_clear(&array);
    strcpy(path, inside("a.npz"));
    if (status == CINCH_OK)
        status = cn_array_read(path, &options, &array, error);
    cn_array_clear(&array);
    tight.free_bytes = 0;
    options.limits = &tight;
    if (status == CINCH_OK)
        status = cn_array_read(folder, &options, &array, error);
    cn_array_clear(&array);
    return status;
}

static void plant_three(void)
{
    assert_int_equal(mkdir(inside("one"), 0777), 0);
    put_png("one/z.png", 4, PNG_COLOR_TYPE_PALETTE, 2);
    put("a.npz", numpy_file, sizeof numpy_file - 1);
    for (int i = 0; i < 3; i++)
        put_png((const char *[]){"0.png", "1.png", "2.png"}[i], 100, PNG_COLOR_TYPE_GRAY, 8);
}

static void test_starved(void **state)
{
    size_t calls = 0;

    (void)state;
    plant_three();
    for (size_t fail_at = 0; fail_at <= calls; fail_at++) {
        cinch_error error = {0};
        counted_begin(fail_at);
        cinch_status status = read_three(&error);
        size_t blocks = counted_memory.blocks;
        if (fail_at == 0)
            calls = counted_memory.calls;
        counted_end();
        if (status != (fail_at == 0 ? CINCH_OK : CINCH_MEMORY) || status != error.status || blocks != 0)
            fail_msg("allocation %zu of %zu: status %d, %zu blocks left: %s", fail_at, calls, status, blocks,
                     error.message);
    }
    assert_true(calls > 40);
    empty_folder();
}

static size_t file_calls, file_fail_at;

static bool file_fails(int number)
{
    errno = number;
    return ++file_calls == file_fail_at;
}

static int open_it(const char *path, int flags, mode_t mode)
{
    return file_fails(EMFILE) ? -1 : open(path, flags, mode);
}

static ssize_t read_it(int fd, void *buffer, size_t nbytes)
{
    return file_fails(EIO) ? -1 : read(fd, buffer, nbytes);
}

static int fstat_it(int fd, struct stat *status)
{
    return file_fails(EIO) ? -1 : fstat(fd, status);
}

static struct dirent *readdir_it(DIR *entries)
{
    if (file_fails(EIO))
        return NULL;
    errno = 0;
    return readdir(entries);
}

static void test_file_faults(void **state)
{
    static const cn_system faulty = {
        .open = open_it, .read = read_it, .fstat = fstat_it, .close = close, .readdir = readdir_it};
    size_t calls = 0;

    (void)state;
    plant_three();
    for (file_fail_at = 0; file_fail_at <= calls; file_fail_at++) {
        cinch_error error = {0};
        file_calls = 0;
        counted_begin(0);
        cn_file_use(&faulty);
        cinch_status status = read_three(&error);
        cn_file_use(NULL);
        size_t blocks = counted_memory.blocks;
        counted_end();
        if (file_fail_at == 0)
            calls = file_calls;
        /* Of a look at whether it is a folder that fails, the reading itself makes up its mind. */
        bool fine = file_fail_at == 0 ? status == CINCH_OK : status == CINCH_IO || status == CINCH_OK;
        if (!fine || status != error.status || blocks != 0)
            fail_msg("file call %zu of %zu: status %d, %zu blocks left: %s", file_fail_at, calls, status,
                     blocks, error.message);
    }
    assert_true(calls > 30);
    empty_folder();
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/cinch-images-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png),          cmocka_unit_test(test_png_damaged),
        cmocka_unit_test(test_png_liars),    cmocka_unit_test(test_png_beside),
        cmocka_unit_test(test_png_large),    cmocka_unit_test(test_folder),
        cmocka_unit_test(test_folder_grows), cmocka_unit_test(test_folder_refusals),
        cmocka_unit_test(test_npz),          cmocka_unit_test(test_npz_damaged),
        cmocka_unit_test(test_npz_choice),   cmocka_unit_test(test_npz_liars),
        cmocka_unit_test(test_npz_large),    cmocka_unit_test(test_npz_python),
        cmocka_unit_test(test_starved),      cmocka_unit_test(test_file_faults),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
