/* Every file format: what numpy and others write is read, what lies or is cut is refused without a large
 * allocation. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"
#include "counted.h"
#include "format/format.h"
#include "format/safetensors.h"

extern const cn_format cn_format_idx, cn_format_npy, cn_format_csv;

static const cn_format_options plain_options = {.limits = &cn_limits_standard, .source = "file"};

/* ---- Helpers ------------------------------------------------------------------------------------------- */

/* A block of exactly these bytes, so that reading one more is found by the sanitizers. */
static cn_bytes copy_bytes(const void *data, size_t nbytes)
{
    cn_bytes bytes = {cn_new(nbytes, 1, NULL), nbytes};

    assert_non_null(bytes.data);
    if (nbytes > 0)
        memcpy(bytes.data, data, nbytes);
    return bytes;
}

static cinch_status parse(const cn_format *format, const void *data, size_t nbytes,
                          const cn_format_options *options, cn_array *array, cinch_error *error)
{
    cn_bytes bytes = copy_bytes(data, nbytes);

    memset(array, 0, sizeof *array);
    memset(error, 0, sizeof *error);
    cinch_status status = format->parse(&bytes, options, array, error);
    cn_bytes_clear(&bytes);
    assert_int_equal(status, error->status);
    if (status != CINCH_OK) {
        assert_null(array->values);
        assert_null(array->bytes.data);
        assert_true(error->message[0] != '\0' && strchr(error->message, '\n') == NULL);
    }
    return status;
}

static double value_at(const cn_array *array, size_t index)
{
    switch (array->type) {
    case CINCH_BOOL:
    case CINCH_U8:
        return ((const uint8_t *)array->values)[index];
    case CINCH_I8:
        return ((const int8_t *)array->values)[index];
    case CINCH_U16:
        return ((const uint16_t *)array->values)[index];
    case CINCH_I16:
        return ((const int16_t *)array->values)[index];
    case CINCH_U32:
        return ((const uint32_t *)array->values)[index];
    case CINCH_I32:
        return ((const int32_t *)array->values)[index];
    case CINCH_U64:
        return (double)((const uint64_t *)array->values)[index];
    case CINCH_I64:
        return (double)((const int64_t *)array->values)[index];
    case CINCH_F16:
        return ((const uint16_t *)array->values)[index]; /* its bits */
    case CINCH_F32:
        return (double)((const float *)array->values)[index];
    case CINCH_F64:
        return ((const double *)array->values)[index];
    }
    return NAN;
}

static void assert_says(const cinch_error *error, const char *part)
{
    if (strstr(error->message, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error->message, part);
}

/* ---- IDX ----------------------------------------------------------------------------------------------- */

typedef struct idx_case {
    const char *bytes;
    size_t nbytes;
    cinch_type type;
    size_t rank, last_size;
    double first, last;
} idx_case;

#define BYTES(text) text, sizeof(text) - 1

static const idx_case idx_cases[] = {
    {BYTES("\0\0\x08\1\0\0\0\3\0\x80\xff"), CINCH_U8, 1, 3, 0, 255},
    {BYTES("\0\0\x09\2\0\0\0\1\0\0\0\2\x80\x7f"), CINCH_I8, 2, 2, -128, 127},
    {BYTES("\0\0\x0b\1\0\0\0\2\x80\0\x12\x34"), CINCH_I16, 1, 2, -32768, 4660},
    {BYTES("\0\0\x0c\1\0\0\0\2\xff\xff\xff\xfe\0\1\0\0"), CINCH_I32, 1, 2, -2, 65536},
    {BYTES("\0\0\x0d\2\0\0\0\1\0\0\0\2\x3f\x80\0\0\xc0\x20\0\0"), CINCH_F32, 2, 2, 1, -2.5},
    {BYTES("\0\0\x0e\2\0\0\0\1\0\0\0\1\x40\x09\x21\xfb\x54\x44\x2d\x18"), CINCH_F64, 2, 1, 3.141592653589793,
     3.141592653589793},
    {BYTES("\0\0\x08\x08\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\2ab"), CINCH_U8, 8, 2,
     97, 98},
};

static void test_idx(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof idx_cases / sizeof idx_cases[0]; i++) {
        const idx_case *c = &idx_cases[i];
        cn_array array;
        cinch_error error;
        assert_int_equal(parse(&cn_format_idx, c->bytes, c->nbytes, &plain_options, &array, &error),
                         CINCH_OK);
        assert_int_equal(array.type, c->type);
        assert_int_equal(array.shape.rank, c->rank);
        assert_int_equal(array.shape.sizes[c->rank - 1], c->last_size);
        assert_true(value_at(&array, 0) == c->first);
        assert_true(value_at(&array, c->last_size - 1) == c->last);
        assert_int_equal((uintptr_t)array.values % cn_type_size(array.type), 0);
        cn_array_clear(&array);
    }
}

/* ---- NPY ----------------------------------------------------------------------------------------------- */

static cn_bytes make_npy(int version, const char *dictionary, const void *values, size_t nbytes)
{
    cn_text text = {0};
    size_t length = strlen(dictionary) + 1;
    unsigned char head[12] = {0x93,
                              'N',
                              'U',
                              'M',
                              'P',
                              'Y',
                              (unsigned char)version,
                              0,
                              (unsigned char)(length & 255),
                              (unsigned char)(length >> 8)};

    cn_text_add_bytes(&text, head, version == 1 ? 10 : 12);
    cn_text_add(&text, "%s\n", dictionary);
    cn_text_add_bytes(&text, values, nbytes);
    return (cn_bytes){(unsigned char *)text.chars, text.length};
}

typedef struct npy_case {
    int version;
    const char *dictionary, *values;
    size_t nbytes;
    cinch_type type;
    size_t rank, count;
    double expected[6];
} npy_case;

static const npy_case npy_cases[] = {
    /* numpy 2: numpy.save of asfortranarray(arange(6, dtype='>i2').reshape(2, 3)) */
    {1,
     "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }",
     BYTES("\0\0\0\3\0\1\0\4\0\2\0\5"),
     CINCH_I16,
     2,
     6,
     {0, 1, 2, 3, 4, 5}},
    {1,
     "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }",
     BYTES("\0\0\1\0\2\0\3\0\4\0\xff\xff"),
     CINCH_I16,
     2,
     6,
     {0, 1, 2, 3, 4, -1}},
    {2,
     "{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }",
     BYTES("\0\1\2\xff"),
     CINCH_U8,
     1,
     4,
     {0, 1, 2, 255}},
    {3, "{'shape': (2,), 'descr': '|b1', 'fortran_order': False}", BYTES("\0\7"), CINCH_BOOL, 1, 2, {0, 1}},
    {1,
     "{\"descr\":\"|i1\",\"fortran_order\":False,\"shape\":(1,2)}   ",
     BYTES("\x80\x7f"),
     CINCH_I8,
     2,
     2,
     {-128, 127}},
    {1,
     "{'descr': '<u2', 'fortran_order': False, 'shape': (1L, 1L)}",
     BYTES("\x34\x12"),
     CINCH_U16,
     2,
     1,
     {4660}},
    {1,
     "{'descr': '>u4', 'fortran_order': False, 'shape': (1,)}",
     BYTES("\xff\0\0\1"),
     CINCH_U32,
     1,
     1,
     {4278190081}},
    {1,
     "{'descr': '<i4', 'fortran_order': False, 'shape': (1,)}",
     BYTES("\xfe\xff\xff\xff"),
     CINCH_I32,
     1,
     1,
     {-2}},
    {1,
     "{'descr': '<u8', 'fortran_order': False, 'shape': (1,)}",
     BYTES("\0\0\0\0\1\0\0\0"),
     CINCH_U64,
     1,
     1,
     {4294967296}},
    {1,
     "{'descr': '>i8', 'fortran_order': False, 'shape': (1,)}",
     BYTES("\xff\xff\xff\xff\xff\xff\xff\xfd"),
     CINCH_I64,
     1,
     1,
     {-3}},
    {1,
     "{'descr': '>f2', 'fortran_order': False, 'shape': (1,)}",
     BYTES("\x3c\0"),
     CINCH_F16,
     1,
     1,
     {0x3c00}},
    {1,
     "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
     BYTES("\0\0\x20\xc0"),
     CINCH_F32,
     1,
     1,
     {-2.5}},
    {1,
     "{'descr': '>f8', 'fortran_order': False, 'shape': (1,)}",
     BYTES("\x40\x09\x21\xfb\x54\x44\x2d\x18"),
     CINCH_F64,
     1,
     1,
     {3.141592653589793}},
    {1,
     "{'descr': '|u1', 'fortran_order': True, 'shape': (1, 2, 3)}",
     BYTES("\0\3\1\4\2\5"),
     CINCH_U8,
     3,
     6,
     {0, 1, 2, 3, 4, 5}},
    {1,
     "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 2)}",
     BYTES("ab"),
     CINCH_U8,
     8,
     2,
     {97, 98}},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 3)}", BYTES(""), CINCH_F64, 2, 0, {0}},
};

static void test_npy(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof npy_cases / sizeof npy_cases[0]; i++) {
        const npy_case *c = &npy_cases[i];
        cn_bytes bytes = make_npy(c->version, c->dictionary, c->values, c->nbytes);
        cn_array array;
        cinch_error error;
        assert_int_equal(parse(&cn_format_npy, bytes.data, bytes.nbytes, &plain_options, &array, &error),
                         CINCH_OK);
        assert_int_equal(array.type, c->type);
        assert_int_equal(array.shape.rank, c->rank);
        for (size_t k = 0; k < c->count; k++)
            assert_true(value_at(&array, k) == c->expected[k]);
        cn_array_clear(&array);
        /* every shorter file, and one byte more */
        for (size_t n = 0; n < bytes.nbytes; n++)
            assert_int_equal(parse(&cn_format_npy, bytes.data, n, &plain_options, &array, &error),
                             CINCH_BAD_INPUT);
        cn_bytes_clear(&bytes);
        bytes = make_npy(c->version, c->dictionary, c->values, c->nbytes + 1);
        assert_int_equal(parse(&cn_format_npy, bytes.data, bytes.nbytes, &plain_options, &array, &error),
                         CINCH_BAD_INPUT);
        assert_says(&error, "left over");
        cn_bytes_clear(&bytes);
    }
}

typedef struct refusal {
    const char *text, *part;
} refusal;

static const refusal npy_refusals[] = {
    {"{'descr': '|O', 'fortran_order': False, 'shape': (2,)}", "pickle"},
    {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", "structured"},
    {"{'descr': '<c8', 'fortran_order': False, 'shape': (2,)}", "complex"},
    {"{'descr': '<U5', 'fortran_order': False, 'shape': (2,)}", "text"},
    {"{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (2,)}", "dates"},
    {"{'descr': '<f16', 'fortran_order': False, 'shape': (2,)}", "not read"},
    {"{'descr': '|f4', 'fortran_order': False, 'shape': (2,)}", "not read"},
    {"{'descr': '', 'fortran_order': False, 'shape': (2,)}", "not read"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': ()}", "()"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2)}", "comma"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}", "comma"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}", "size"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': [2]}", "tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", "dimensions"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,)}", "too large"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", "too large"},
    {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}", "fortran_order"},
    {"{'descr': '<f4', 'fortran_order': False}", "missing"},
    {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "twice"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}", "unknown"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", "missing"},
    {"{'descr': '<f4' 'fortran_order': False, 'shape': (2,)}", "comma"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x", "follows"},
    {"", "dictionary"},
};

static void test_npy_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof npy_refusals / sizeof npy_refusals[0]; i++) {
        cn_bytes bytes = make_npy(1, npy_refusals[i].text, "12345678", 8);
        cn_array array;
        cinch_error error;
        assert_int_equal(parse(&cn_format_npy, bytes.data, bytes.nbytes, &plain_options, &array, &error),
                         CINCH_BAD_INPUT);
        assert_says(&error, npy_refusals[i].part);
        cn_bytes_clear(&bytes);
    }
}

/* What numpy writes, byte for byte. */
static void test_npy_header(void **state)
{
    static const char numpy[] =
        "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }"
        "                                                          \n";
    cn_bytes header;

    (void)state;
    assert_int_equal(cn_npy_header(CINCH_F32, (cinch_shape){2, {3, 4}}, &header, NULL), CINCH_OK);
    assert_int_equal(header.nbytes, sizeof numpy - 1);
    assert_memory_equal(header.data, numpy, sizeof numpy - 1);
    cn_bytes_clear(&header);
}

/* ---- CSV ----------------------------------------------------------------------------------------------- */

typedef struct csv_case {
    const char *text, *label, *columns;
    bool missing_is_nan;
    size_t rows, ncolumn, first_line;
    const char *names; /* joined by '|'; NULL for none */
    const char *classes;
    double values[8];
} csv_case;

static const csv_case csv_cases[] = {
    {"1,2\n3,4\n", NULL, NULL, false, 2, 2, 1, NULL, NULL, {1, 2, 3, 4}},
    {"1,2\n3,4", NULL, NULL, false, 2, 2, 1, NULL, NULL, {1, 2, 3, 4}},
    {"\xEF\xBB\xBF"
     "a;b\r\n1;2\r\n\r\n3;-4e-1\r\n\r\n\r\n",
     NULL,
     NULL,
     false,
     2,
     2,
     0,
     "a|b",
     NULL,
     {1, 2, 3, -0.4}},
    {"a\tb\n1\t 2 \n", NULL, NULL, false, 1, 2, 2, "a|b", NULL, {1, 2}},
    {"\"the, \"\"one\"\"\",\"two\nlines\"\n\"1\" , \"2.5\"\n",
     NULL,
     NULL,
     false,
     1,
     2,
     3,
     "the, \"one\"|two\nlines",
     NULL,
     {1, 2.5}},
    {"w,h,kind\n1,2,b\n3,4,a\n5,6,b\n", "kind", NULL, false, 3, 2, 2, "w|h", "a|b", {1, 2, 3, 4, 5, 6}},
    {"1,2,10\n3,4,9\n5,6,9.0\n", "2", NULL, false, 3, 2, 1, NULL, "9|10", {1, 2, 3, 4, 5, 6}},
    {"w,h,kind\n1,2,b\n", "kind", "h, w", false, 1, 2, 2, "h|w", "b", {2, 1}},
    {"a,b,c,d,e\n0,1,2,3,4\n", NULL, "a,2-3", false, 1, 3, 2, "a|c|d", NULL, {0, 2, 3}},
    {"2,1\n7,8\nx,9\n", NULL, "1", false, 3, 1, 1, NULL, NULL, {1, 8, 9}},
    {"a,1\n7,8\n9,10\n", NULL, "1", false, 2, 1, 2, "1", NULL, {8, 10}},
    {"a,1-2,c\n7,8,9\n", NULL, "1-2", false, 1, 1, 2, "1-2", NULL, {8}},
    {"\"w, kg\",h\n1,2\n", NULL, "h , \"w, kg\" ", false, 1, 2, 2, "h|w, kg", NULL, {2, 1}},
    {"\"a \"\"b\"\"\",c\n1,2\n", NULL, "\"a \"\"b\"\"\"", false, 1, 1, 2, "a \"b\"", NULL, {1}},
    {"a,b\n,NA\nNaN,nan\nN/A,null\n?,1\n",
     NULL,
     NULL,
     true,
     4,
     2,
     2,
     "a|b",
     NULL,
     {NAN, NAN, NAN, NAN, NAN, NAN, NAN, 1}},
    {"x\n1\n\n3\n", NULL, NULL, true, 3, 1, 2, "x", NULL, {1, NAN, 3}},
    {"1\r2\r3", NULL, NULL, false, 3, 1, 1, NULL, NULL, {1, 2, 3}},
    {"0.1,123456789012345678,1e-300,4.9e-324\n",
     NULL,
     NULL,
     false,
     1,
     4,
     1,
     NULL,
     NULL,
     {0.1, 123456789012345678.0, 1e-300, 4.9e-324}},
    {"kind\nred\nblue\n", "0", NULL, false, 3, 0, 1, NULL, "blue|kind|red", {0}},
};

static void assert_joined(char *const *texts, size_t count, const char *joined)
{
    cn_text text = {0};

    for (size_t i = 0; i < count; i++)
        cn_text_add(&text, "%s%s", i > 0 ? "|" : "", texts[i]);
    assert_string_equal(text.chars, joined);
    cn_text_clear(&text);
}

static void test_csv(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof csv_cases / sizeof csv_cases[0]; i++) {
        const csv_case *c = &csv_cases[i];
        cn_format_options options = {.limits = &cn_limits_standard,
                                     .source = "file",
                                     .label = c->label,
                                     .columns = c->columns,
                                     .missing_is_nan = c->missing_is_nan};
        cn_array array;
        cinch_error error;
        if (parse(&cn_format_csv, c->text, strlen(c->text), &options, &array, &error) != CINCH_OK)
            fail_msg("case %zu: %s", i, error.message);
        assert_int_equal(array.shape.sizes[0], c->rows);
        assert_int_equal(array.shape.sizes[1], c->ncolumn);
        assert_int_equal(array.first_line, c->first_line);
        for (size_t k = 0; k < c->rows * c->ncolumn; k++) {
            double value = value_at(&array, k);
            assert_true(value == c->values[k] || (isnan(value) && isnan(c->values[k])));
        }
        assert_int_equal(array.columns != NULL, c->names != NULL);
        if (c->names != NULL)
            assert_joined(array.columns, c->ncolumn, c->names);
        assert_int_equal(array.classes != NULL, c->classes != NULL);
        if (c->classes != NULL)
            assert_joined(array.classes, array.nclass, c->classes);
        cn_array_clear(&array);
    }
}

typedef struct csv_refusal {
    const char *text, *label, *columns, *part;
} csv_refusal;

static const csv_refusal csv_refusals[] = {
    {"a,width\n1,2\n3,abc\n", NULL, NULL,
     "file:3: column \"width\": \"abc\" is not a number (see --missing, --columns and --label)"},
    {"a,width\n1,2\n3,\n", NULL, NULL, "file:3: column \"width\" is empty (see --missing)"},
    {"a,width\n1,2\nNA,3\n", NULL, NULL, "file:3: column \"a\" is missing: \"NA\" (see --missing)"},
    {"1,2\n3,x\n", NULL, NULL, "file:2: column 1: \"x\" is not a number"},
    {"1,0x10\n", NULL, NULL, "not a number"},
    {"1,inf\n", NULL, NULL, "not a number"},
    {"1,1e999\n", NULL, NULL, "not a number"},
    {"1,1_000\n", NULL, NULL, "not a number"},
    {"1,n/a\n", NULL, NULL, "is missing"},
    {"1,2\n3,4,5\n", NULL, NULL, "file:2: has 3 cells, the first line has 2"},
    {"a,b\n1,2\n3\n", NULL, NULL, "file:3: has 1 cells, the first line has 2"},
    {"1,\"2\n3,4\n", NULL, NULL, "file:1: a quote is not closed"},
    {"1,\"2\" 3\n", NULL, NULL, "file:1: something follows a closing quote"},
    {"width,height\n1,2\n", NULL, "wdith", "the nearest is \"width\""},
    {"width,height\n1,2\n", "hieght", NULL, "the nearest is \"height\""},
    {"1,2\n3,4\n", NULL, "width", "the file names none"},
    {"1,2\n3,4\n", NULL, "2", "no column 2: there are 2"},
    {"1,2\n3,4\n", NULL, "0-99999999999999999999999", "there are 2"},
    {"1,2\n3,4\n", NULL, "1-0", "backwards"},
    {"1,2\n3,4\n", NULL, "0,0", "twice"},
    {"1,2\n3,4\n", NULL, "0,,1", "empty"},
    {"1,2\n3,4\n", "0-1", NULL, "several"},
    {"a,b\n1,2\n", NULL, "\"a", "a quote that is not closed"},
    {"a,b\n1,2\n", NULL, "\"a\"b", "a quote that is not closed"},
    {"\"width, m\",h\n1,2\n", NULL, "width, m", "no column \"width\"; the nearest is \"width, m\""},
    {"cost\n\"1,201\"\n", NULL, NULL, "\"1,201\" has a comma: write 1.5 for decimals, 1201 for thousands"},
    {"1 2\n3 4\n", NULL, NULL, "\"1 2\" is not a number: cells are parted by a comma, ; or a tab"},
    {"a,b\n1,\n", "b", NULL, "file:2: column \"b\" is empty"},
    {"\n\n", NULL, NULL, "empty"},
};

static void test_csv_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof csv_refusals / sizeof csv_refusals[0]; i++) {
        const csv_refusal *c = &csv_refusals[i];
        cn_format_options options = {
            .limits = &cn_limits_standard, .source = "file", .label = c->label, .columns = c->columns};
        cn_array array;
        cinch_error error;
        if (parse(&cn_format_csv, c->text, strlen(c->text), &options, &array, &error) != CINCH_BAD_INPUT)
            fail_msg("case %zu is not refused", i);
        assert_says(&error, c->part);
    }
    cn_array array;
    cinch_error error;
    assert_int_equal(parse(&cn_format_csv, "1,2\0,3", 6, &plain_options, &array, &error), CINCH_BAD_INPUT);
    assert_says(&error, "NUL");
}

/* ---- gzip ---------------------------------------------------------------------------------------------- */

static cn_bytes pack(const void *data, size_t nbytes)
{
    z_stream stream = {0};
    cn_bytes packed = {cn_new(nbytes + 1000, 1, NULL), nbytes + 1000};

    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (unsigned char *)data;
    stream.avail_in = (unsigned)nbytes;
    stream.next_out = packed.data;
    stream.avail_out = (unsigned)packed.nbytes;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed.nbytes -= stream.avail_out;
    deflateEnd(&stream);
    return packed;
}

/* "hello " and "world\n" gzipped each by itself, as by `(printf 'hello ' | gzip; echo world | gzip)`. */
static void test_gzip(void **state)
{
    cn_bytes first = pack("hello ", 6), second = pack("world\n", 6), plain;
    cn_bytes both = {cn_new(first.nbytes + second.nbytes + 1, 1, NULL), first.nbytes + second.nbytes};
    unsigned char head[8];
    size_t nhead;
    cinch_error error = {0};

    (void)state;
    memcpy(both.data, first.data, first.nbytes);
    memcpy(both.data + first.nbytes, second.data, second.nbytes);
    assert_int_equal(cn_gzip_head(&both, head, sizeof head, &nhead, &plain_options, NULL), CINCH_OK);
    assert_int_equal(nhead, 8);
    assert_memory_equal(head, "hello wo", 8);
    for (size_t claimed = 0; claimed <= 20; claimed++) {
        cinch_status status = cn_gzip_inflate(&both, claimed, &plain_options, &plain, NULL);
        assert_int_equal(status, claimed == 0 || claimed == 12 ? CINCH_OK : CINCH_BAD_INPUT);
        if (status == CINCH_OK) {
            assert_int_equal(plain.nbytes, 12);
            assert_memory_equal(plain.data, "hello world\n", 12);
        }
        cn_bytes_clear(&plain);
    }
    for (size_t n = 0; n < both.nbytes; n++) {
        cn_bytes cut = copy_bytes(both.data, n);
        bool whole_member = n == first.nbytes;
        assert_int_equal(cn_gzip_inflate(&cut, 0, &plain_options, &plain, NULL) == CINCH_OK, whole_member);
        cn_bytes_clear(&plain);
        cn_bytes_clear(&cut);
    }
    both.nbytes++; /* a byte after the last member */
    assert_int_equal(cn_gzip_inflate(&both, 12, &plain_options, &plain, &error), CINCH_BAD_INPUT);
    assert_says(&error, "left over");
    cn_bytes_clear(&first);
    cn_bytes_clear(&second);
    cn_bytes_clear(&both);
}

/* Each bit of a gzip file flipped: bits that say nothing of the data (the time, the padding) may change,
 * the data never. */
static void test_gzip_changed(void **state)
{
    cn_bytes packed = pack("1,2\n3,4\n5,6\n", 12), plain;

    (void)state;
    for (size_t i = 0; i < packed.nbytes; i++) {
        for (int bit = 0; bit < 8; bit++) {
            cn_bytes changed = copy_bytes(packed.data, packed.nbytes);
            changed.data[i] ^= (unsigned char)(1 << bit);
            if (cn_gzip_inflate(&changed, 12, &plain_options, &plain, NULL) == CINCH_OK)
                assert_memory_equal(plain.data, "1,2\n3,4\n5,6\n", 12);
            cn_bytes_clear(&plain);
            cn_bytes_clear(&changed);
        }
    }
    cn_bytes_clear(&packed);
}

/* ---- safetensors --------------------------------------------------------------------------------------- */

/* Written by the safetensors package of Python: w (2, 3) float32, b (2) uint8, h (1) float64, metadata a =
 * x. */
static const char python_file[] =
    "\xc0\0\0\0\0\0\0\0{\"__metadata__\":{\"a\":\"x\"},\"h\":{\"dtype\":\"F64\",\"shape\":[1],\"data_"
    "offsets\":[0,8]},"
    "\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[8,32]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],"
    "\"data_offsets\":[32,34]}}   "
    "\0\0\0\0\0\0\xf8\x3f\0\0\0\0\0\0\x80\x3f\0\0\0@\0\0@@\0\0\x80@\0\0\xa0@\7\x08";

static cinch_status parse_tensors(const void *data, size_t nbytes, cn_safetensors *file, bool *hashed,
                                  cinch_error *error)
{
    cn_bytes bytes = copy_bytes(data, nbytes);

    memset(error, 0, sizeof *error);
    cinch_status status = cn_safetensors_parse(&bytes, "file", &cn_limits_standard, file, hashed, error);
    assert_null(bytes.data);
    assert_int_equal(status, error->status);
    return status;
}

static void test_safetensors_python(void **state)
{
    cn_safetensors file;
    cinch_error error;
    bool hashed;

    (void)state;
    assert_int_equal(parse_tensors(python_file, sizeof python_file - 1, &file, &hashed, &error), CINCH_OK);
    assert_false(hashed);
    assert_int_equal(file.ntensor, 3);
    assert_string_equal(cn_safetensors_metadata(&file, "a"), "x");
    assert_null(cn_safetensors_tensor(&file, "a"));
    const cn_tensor *w = cn_safetensors_tensor(&file, "w");
    assert_int_equal(w->shape.rank, 2);
    assert_int_equal(w->shape.sizes[1], 3);
    assert_true(((const float *)w->values)[5] == 5);
    assert_true(*(const double *)cn_safetensors_tensor(&file, "h")->values == 1.5);
    cn_safetensors_clear(&file);
    for (size_t n = 0; n < sizeof python_file - 1; n++)
        assert_int_equal(parse_tensors(python_file, n, &file, &hashed, &error), CINCH_BAD_INPUT);
}

static void write_sample(const char *path)
{
    static const float weight[6] = {1, 2, 3, 4, 5, 6}, bias[2] = {-1, 0.5f};
    const cn_entry metadata[] = {{"cinch", "1"}, {"recipe", "a = \"b\\c\"\n\ttab \x01 \xc3\xbc"}};
    const cn_tensor tensors[] = {{"encoder.0.weight", CINCH_F32, {2, {2, 3}}, weight},
                                 {"encoder.0.bias", CINCH_F32, {1, {2}}, bias}};

    assert_int_equal(cn_safetensors_write(path, metadata, 2, tensors, 2, NULL), CINCH_OK);
}

static char *temporary(void)
{
    static char path[64];
    int fd;

    strcpy(path, "/tmp/cinch-test-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    return path;
}

/* What was written is read back, and every bit of it guards itself. */
static void test_safetensors_written(void **state)
{
    char *path = temporary();
    cn_safetensors file;
    cinch_error error;
    cn_bytes bytes;
    bool hashed;

    (void)state;
    write_sample(path);
    assert_int_equal(cn_file_read(path, 1 << 20, &bytes, NULL), CINCH_OK);
    unlink(path);
    assert_memory_equal(bytes.data + 8, "{\"__metadata__\":{\"sha256\":\"", 27);
    assert_int_equal(parse_tensors(bytes.data, bytes.nbytes, &file, &hashed, &error), CINCH_OK);
    assert_true(hashed);
    assert_string_equal(cn_safetensors_metadata(&file, "recipe"), "a = \"b\\c\"\n\ttab \x01 \xc3\xbc");
    assert_int_equal(file.ntensor, 2);
    assert_true(((const float *)cn_safetensors_tensor(&file, "encoder.0.bias")->values)[1] == 0.5f);
    cn_safetensors_clear(&file);
    for (size_t i = 0; i < 8 * bytes.nbytes; i++) {
        bytes.data[i / 8] ^= (unsigned char)(1 << i % 8);
        if (parse_tensors(bytes.data, bytes.nbytes, &file, &hashed, &error) != CINCH_BAD_INPUT)
            fail_msg("bit %zu flipped is not refused", i);
        bytes.data[i / 8] ^= (unsigned char)(1 << i % 8);
    }
    for (size_t n = 0; n < bytes.nbytes; n++)
        assert_int_equal(parse_tensors(bytes.data, n, &file, &hashed, &error), CINCH_BAD_INPUT);
    cn_bytes_clear(&bytes);
}

/* The digest is that of sha256sum over the file with 64 zeros in its place; here over a file without
 * tensors. */
static void test_safetensors_hash(void **state)
{
    static const char truth[] = "70fadacb59bbbd5e62633739746a0dd25065a28698bb54244013fa7f68b98937";
    char *path = temporary();
    cn_bytes bytes;

    (void)state;
    assert_int_equal(cn_safetensors_write(path, NULL, 0, NULL, 0, NULL), CINCH_OK);
    assert_int_equal(cn_file_read(path, 1 << 20, &bytes, NULL), CINCH_OK);
    unlink(path);
    assert_memory_equal(bytes.data + 35, truth, 64);
    cn_bytes_clear(&bytes);
}

#define TENSOR(text) "{\"w\":" text "}"

static const refusal safetensors_refusals[] = {
    {TENSOR("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"w\":{\"dtype\":\"F32\",\"shape\":[0],"
            "\"data_offsets\":[8,8]}"),
     "duplicate"},
    {TENSOR("{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[0,8]}"), "BF16"},
    {TENSOR("{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}"), "does not fit"},
    {TENSOR("{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4294967296],\"data_offsets\":[0,8]}"),
     "does not fit"},
    {TENSOR("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}"), "left over"},
    {TENSOR("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}"), "gap"},
    {TENSOR("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}"), "outside"},
    {TENSOR("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,4]}"), "outside"},
    {TENSOR("{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,8]}"), "whole numbers"},
    {TENSOR("{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}"), "whole numbers"},
    {TENSOR("{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]}"), "JSON"},
    {TENSOR("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}"), "two whole numbers"},
    {TENSOR("{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}"), "dimensions"},
    {TENSOR("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":0}"),
     "dtype, shape and data_offsets"},
    {TENSOR("{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}"), "dtype"},
    {TENSOR("[]"), "dtype, shape and data_offsets"},
    {"{\"w\\u0000\":{}}", "JSON"},
    {"{\"__metadata__\":[]}", "__metadata__"},
    {"{\"__metadata__\":{\"a\":1}}", "not text"},
    {"{\"__metadata__\":{\"a\":\"b\",\"sha256\":\"0\"},\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_"
     "offsets\":[0,8]}}",
     "does not begin with its hash"},
    {"{\"__metadata__\":{\"cinch\":\"1\"},\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
     "does not begin with its hash"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\",\"shape\":[2],"
     "\"data_offsets\":[0,8]}}",
     "overlap"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\":{\"dtype\":\"U8\",\"shape\":[3],"
     "\"data_offsets\":[1,4]},\"c\":{\"dtype\":\"F64\",\"shape\":[0],\"data_offsets\":[4,4]}}",
     "aligned"},
    {"{} x", "JSON"},
    {"[]", "not a JSON object"},
};

static cn_bytes make_tensors(const char *json, size_t length)
{
    cn_bytes bytes = {cn_new(length + 16, 1, NULL), length + 16};

    assert_non_null(bytes.data);
    for (size_t i = 0; i < 8; i++)
        bytes.data[i] = (unsigned char)(length >> 8 * i & 255);
    memcpy(bytes.data + 8, json, length);
    return bytes;
}

static void test_safetensors_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof safetensors_refusals / sizeof safetensors_refusals[0]; i++) {
        const refusal *c = &safetensors_refusals[i];
        cn_bytes bytes = make_tensors(c->text, strlen(c->text));
        cn_safetensors file;
        cinch_error error;
        bool hashed;
        if (parse_tensors(bytes.data, bytes.nbytes, &file, &hashed, &error) != CINCH_BAD_INPUT)
            fail_msg("%s is not refused", c->text);
        assert_says(&error, c->part);
        cn_bytes_clear(&bytes);
    }
}

/* ---- Every format -------------------------------------------------------------------------------------- */

typedef struct sample {
    const cn_format *format; /* NULL: safetensors */
    const char *bytes;
    size_t nbytes;
    bool any_cut; /* a shorter file may be valid */
} sample;

static const sample samples[] = {
    {&cn_format_idx, BYTES("\0\0\x0b\2\0\0\0\2\0\0\0\2\0\1\0\2\0\3\0\4"), false},
    {&cn_format_npy,
     BYTES("\x93NUMPY\1\0\x40\0{'descr': '>f4', 'fortran_order': True, 'shape': (1, 2), }   \n  "
           "\x3f\x80\0\0\x40\0\0\0"),
     false},
    {&cn_format_csv, BYTES("a;\"b\"\"c\";kind\r\n1;2.5;x\r\nNA;\"-3e2\";\"y\"\r\n"), true},
};

/* Every length and every value of every byte: refused with a line, or read; never anything else. */
static void test_damaged(void **state)
{
    cn_format_options options = {.limits = &cn_limits_standard,
                                 .source = "file",
                                 .label = "2",
                                 .columns = "0-1",
                                 .missing_is_nan = true};

    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        const sample *s = &samples[i];
        cn_array array;
        cinch_error error;
        for (size_t n = 0; n < s->nbytes; n++) {
            if (parse(s->format, s->bytes, n, &options, &array, &error) == CINCH_OK && !s->any_cut)
                fail_msg("%s cut to %zu bytes is not refused", s->format->name, n);
            cn_array_clear(&array);
        }
        for (size_t n = 0; n < s->nbytes; n++) {
            cn_bytes changed = copy_bytes(s->bytes, s->nbytes);
            for (int byte = 0; byte < 256; byte++) {
                size_t claimed;
                changed.data[n] = (unsigned char)byte;
                if (s->format->probe(changed.data, changed.nbytes))
                    s->format->claim(changed.data, changed.nbytes, &options, &claimed, NULL);
                parse(s->format, changed.data, changed.nbytes, &options, &array, &error);
                cn_array_clear(&array);
            }
            cn_bytes_clear(&changed);
        }
    }
}

static void test_damaged_tensors(void **state)
{
    cn_safetensors file;
    cinch_error error;
    bool hashed;

    (void)state;
    for (size_t n = 0; n < sizeof python_file - 1; n++) {
        char changed[sizeof python_file];
        memcpy(changed, python_file, sizeof changed);
        for (int byte = 0; byte < 256; byte++) {
            changed[n] = (char)byte;
            if (parse_tensors(changed, sizeof python_file - 1, &file, &hashed, &error) == CINCH_OK)
                cn_safetensors_clear(&file);
        }
    }
}

static void write_bytes(const char *path, const void *data, size_t nbytes)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, nbytes, file), nbytes);
    assert_int_equal(fclose(file), 0);
}

static cinch_status read_file(const void *data, size_t nbytes, cn_array *array, cinch_error *error)
{
    char *path = temporary();
    cn_format_options options = {.limits = &cn_limits_standard, .source = "file", .missing_is_nan = true};

    write_bytes(path, data, nbytes);
    memset(error, 0, sizeof *error);
    cinch_status status = cn_array_read(path, &options, array, error);
    unlink(path);
    return status;
}

/* Files of a few bytes that claim the world, as they are and gzipped. */
static const struct {
    const char *bytes;
    size_t nbytes;
} liars[] = {
    {BYTES("\0\0\x08\3\0\0\xea\x60\0\0\0\x1c\0\0\0\x1c"
           "abc")},
    {BYTES("\0\0\x0e\2\xff\xff\xff\xff\xff\xff\xff\xff"
           "abc")},
    {BYTES("\0\0\x0e\4\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
           "abc")},
    {BYTES("\x93NUMPY\1\0\x46\0{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000)}  \n"
           "abc")},
    {BYTES("\x93NUMPY\1\0\x46\0{'descr': '<f8', 'fortran_order': True , 'shape': (1000000, 1000)}  \n"
           "abc")},
    {BYTES("\x93NUMPY\2\0\xff\xff\xff\xff{'descr': '<f8', 'fortran_order': True, 'shape': (2, 1)}")},
};

static void test_liars(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof liars / sizeof liars[0]; i++) {
        cn_bytes packed = pack(liars[i].bytes, liars[i].nbytes);
        cn_array array;
        cinch_error error;
        counted_begin(0);
        assert_int_equal(read_file(liars[i].bytes, liars[i].nbytes, &array, &error), CINCH_BAD_INPUT);
        assert_true(counted_memory.peak <= cn_limits_standard.free_bytes + liars[i].nbytes);
        assert_int_equal(read_file(packed.data, packed.nbytes, &array, &error), CINCH_BAD_INPUT);
        assert_true(counted_memory.peak <= cn_limits_standard.free_bytes + 2 * liars[i].nbytes + (1 << 16));
        assert_int_equal(counted_memory.blocks, 0);
        counted_end();
        cn_bytes_clear(&packed);
    }
}

/* A gzip file that could hold 200 MB by its length, claims it, and does not: counted before anything is
 * allocated. */
static void test_gzip_liar(void **state)
{
    enum { NBYTES = 1 << 20 };
    unsigned char *plain = malloc(NBYTES);
    uint32_t random = 1;
    cn_array array;
    cinch_error error;

    (void)state;
    for (size_t i = 0; i < NBYTES; i++)
        plain[i] = (unsigned char)((random = random * 1664525 + 1013904223) >> 24);
    memcpy(plain, "\0\0\x08\2\0\0\x27\x10\0\0\x4e\x20", 12); /* 10000 x 20000 */
    cn_bytes packed = pack(plain, NBYTES);
    free(plain);
    counted_begin(0);
    assert_int_equal(read_file(packed.data, packed.nbytes, &array, &error), CINCH_BAD_INPUT);
    assert_says(&error, "cut short");
    assert_true(counted_memory.peak <= 4 * (size_t)NBYTES);
    assert_int_equal(counted_memory.blocks, 0);
    counted_end();
    cn_bytes_clear(&packed);
}

/* JSON that is small as text and large as values. */
static void test_json_bombs(void **state)
{
    static const char *const units[] = {"\"%zu\":{},", "\"%zu\":[[],[]],", "\"%zu\":\"\",",
                                        "\"%zu\":{\"a\":{\"a\":{}}},"};

    (void)state;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        for (size_t count = 20000; count <= 1280000; count *= 4) {
            cn_text text = {0};
            cn_safetensors file;
            cinch_error error = {0};
            bool hashed;
            cn_text_add(&text, "{");
            for (size_t k = 0; k < count; k++)
                cn_text_add(&text, units[i], k);
            cn_text_add(&text, "\"\":{}}");
            cn_bytes bytes = make_tensors(text.chars, text.length);
            cn_text_clear(&text);
            size_t nbytes = bytes.nbytes;
            cn_bytes copy = {malloc(nbytes), nbytes};
            memcpy(copy.data, bytes.data, nbytes);
            cn_bytes_clear(&bytes);
            counted_begin(0);
            bytes = copy_bytes(copy.data, nbytes);
            assert_int_equal(
                cn_safetensors_parse(&bytes, "file", &cn_limits_standard, &file, &hashed, &error),
                CINCH_BAD_INPUT);
            if (counted_memory.peak > cn_limits_standard.free_bytes + 2 * nbytes)
                fail_msg("JSON of %zu bytes took %zu", nbytes, counted_memory.peak);
            assert_int_equal(counted_memory.blocks, 0);
            counted_end();
            free(copy.data);
        }
    }
    cn_bytes deep = make_tensors("", 0);
    cn_bytes_clear(&deep);
    char nested[400];
    memset(nested, '[', sizeof nested);
    memcpy(nested, "{\"a\":", 5);
    deep = make_tensors(nested, sizeof nested);
    cn_safetensors file;
    cinch_error error = {0};
    bool hashed;
    assert_int_equal(cn_safetensors_parse(&deep, "file", &cn_limits_standard, &file, &hashed, &error),
                     CINCH_BAD_INPUT);
    assert_says(&error, "nested");
}

/* ---- Known by content ---------------------------------------------------------------------------------- */

static const struct {
    const char *bytes;
    size_t nbytes;
    const char *part;
} strangers[] = {
    {BYTES(""), "empty"},
    {BYTES("\x80\4\x95\1\0\0\0"), "pickle"},
    {BYTES("\x80\2]q\0."), "numpy.save"},
    {BYTES("\x89HDF\r\n\x1a\n\0\0"), "HDF5"},
    {BYTES("PK\3\4\0\0"), "zip"},
    {BYTES("\x89PNG\r\n\x1a\n\0"), "PNG"},
    {BYTES("\x08\0\0\0\0\0\0\0{}      "), "safetensors"},
    {BYTES("\xff\xfe"
           "1\0,\0"),
     "UTF-16"},
    {BYTES("BZh91AY"), "bzip2"},
    {BYTES("\1\2\3\4"), "01 02 03 04"},
    {BYTES("\0\0\x0a\1\0\0\0\1a"), "0x0a"},
    {BYTES("\0\0\x08\x09\0\0\0\1a"), "rank 9"},
};

static void test_strangers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        cn_bytes packed = pack(strangers[i].bytes, strangers[i].nbytes);
        cn_array array;
        cinch_error error;
        assert_int_equal(read_file(strangers[i].bytes, strangers[i].nbytes, &array, &error), CINCH_BAD_INPUT);
        assert_says(&error, strangers[i].part);
        assert_int_equal(read_file(packed.data, packed.nbytes, &array, &error), CINCH_BAD_INPUT);
        assert_says(&error, strangers[i].part);
        cn_bytes_clear(&packed);
    }
}

/* Each sample as a file, plain and gzipped, is found by its content and gives the same array. */
static void test_found(void **state)
{
    static const char mixed[] = "a,b\n1,2\n";

    (void)state;
    for (size_t i = 0; i <= sizeof samples / sizeof samples[0] - 1; i++) {
        bool csv = samples[i].any_cut;
        const char *bytes = csv ? mixed : samples[i].bytes;
        size_t nbytes = csv ? sizeof mixed - 1 : samples[i].nbytes;
        cn_bytes packed = pack(bytes, nbytes);
        cn_array array, unpacked;
        cinch_error error;
        assert_int_equal(read_file(bytes, nbytes, &array, &error), CINCH_OK);
        assert_int_equal(read_file(packed.data, packed.nbytes, &unpacked, &error), CINCH_OK);
        assert_memory_equal(&array.shape, &unpacked.shape, sizeof array.shape);
        for (size_t k = 0; k < array.shape.sizes[0] * array.shape.sizes[1]; k++)
            assert_true(value_at(&array, k) == value_at(&unpacked, k));
        assert_int_equal(array.table, csv);
        cn_array_clear(&array);
        cn_array_clear(&unpacked);
        cn_bytes_clear(&packed);
    }
    cn_array array;
    cinch_error error = {0};
    assert_int_equal(cn_array_read("/no/such/file.npy", &plain_options, &array, &error), CINCH_IO);
}

/* ---- Every allocation fails once ----------------------------------------------------------------------- */

static cinch_status read_everything(const char *csv, const char *npy, const char *tensors, cinch_error *error)
{
    cn_format_options options = {.limits = &cn_limits_standard,
                                 .source = "file",
                                 .label = "kind",
                                 .columns = "b,a",
                                 .missing_is_nan = true};
    cn_array array;
    cn_bytes bytes;
    cn_safetensors file;
    bool hashed;
    cinch_status status = cn_array_read(csv, &options, &array, error);

    cn_array_clear(&array);
    options.label = options.columns = NULL;
    if (status == CINCH_OK)
        status = cn_array_read(npy, &options, &array, error);
    cn_array_clear(&array);
    if (status == CINCH_OK)
        status = cn_file_read(tensors, 1 << 20, &bytes, error);
    if (status != CINCH_OK)
        return status;
    status = cn_safetensors_parse(&bytes, "file", &cn_limits_standard, &file, &hashed, error);
    if (status == CINCH_OK)
        status = cn_safetensors_write(tensors, file.metadata + 1, file.nmetadata - 1, file.tensors,
                                      file.ntensor, error);
    cn_safetensors_clear(&file);
    return status;
}

static void test_starved(void **state)
{
    char paths[3][64];
    cn_bytes packed = pack("a,b,kind\n1,2,x\n3,?,y\n", 21);
    size_t calls = 0;

    (void)state;
    for (int i = 0; i < 3; i++)
        strcpy(paths[i], temporary());
    write_bytes(paths[0], packed.data, packed.nbytes);
    cn_bytes_clear(&packed);
    write_bytes(paths[1], samples[1].bytes, samples[1].nbytes);
    write_sample(paths[2]);
    for (size_t fail_at = 0; fail_at <= calls; fail_at++) {
        cinch_error error = {0};
        counted_begin(fail_at);
        cinch_status status = read_everything(paths[0], paths[1], paths[2], &error);
        size_t blocks = counted_memory.blocks;
        if (fail_at == 0)
            calls = counted_memory.calls;
        counted_end();
        if (status != (fail_at == 0 ? CINCH_OK : CINCH_MEMORY) || status != error.status || blocks != 0)
            fail_msg("allocation %zu of %zu: status %d, %zu blocks left: %s", fail_at, calls, status, blocks,
                     error.message);
    }
    assert_true(calls > 30);
    for (int i = 0; i < 3; i++)
        unlink(paths[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idx),
        cmocka_unit_test(test_npy),
        cmocka_unit_test(test_npy_refusals),
        cmocka_unit_test(test_npy_header),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_csv_refusals),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_gzip_changed),
        cmocka_unit_test(test_safetensors_python),
        cmocka_unit_test(test_safetensors_written),
        cmocka_unit_test(test_safetensors_hash),
        cmocka_unit_test(test_safetensors_refusals),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_damaged_tensors),
        cmocka_unit_test(test_liars),
        cmocka_unit_test(test_gzip_liar),
        cmocka_unit_test(test_json_bombs),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_starved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
