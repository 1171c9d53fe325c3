/* Rows: loading with columns, labels and missing cells; summaries; scalers; gathering; saving. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "counted.h"
#include "data/data.h"

/* ---- Helpers ------------------------------------------------------------------------------------------- */

static char folder[] = "/tmp/cinch-test-XXXXXX";

static const char *in_folder(const char *name)
{
    static char paths[4][128];
    static size_t next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static const char *write_file(const char *name, const char *text)
{
    const char *path = in_folder(name);
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    return path;
}

static cinch_recipe *recipe_with(const char *const *settings)
{
    cinch_recipe *recipe = cinch_recipe_new(NULL);

    assert_non_null(recipe);
    for (; settings[0] != NULL; settings += 2)
        assert_int_equal(cinch_recipe_set(recipe, settings[0], settings[1], NULL), CINCH_OK);
    return recipe;
}

static void assert_says(const cinch_error *error, const char *part)
{
    if (strstr(error->message, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error->message, part);
}

#define SHAPE2(rows, columns) ((cinch_shape){2, {rows, columns}})

/* ---- Loading ------------------------------------------------------------------------------------------- */

static void test_load_csv(void **state)
{
    const char *path = write_file("iris.csv", "width,kind,height\n1,b,2\n3,a,\n5,b,6\n");
    const char *const settings[] = {"label", "kind", "missing", "mean", NULL};
    cinch_recipe *recipe = recipe_with(settings);
    cinch_error error = {0};

    (void)state;
    cinch_data *data = cinch_data_load(path, recipe, &error);
    assert_non_null(data);
    assert_int_equal(cinch_data_rows(data), 3);
    assert_int_equal(cinch_data_features(data), 2);
    assert_int_equal(cinch_data_type(data), CINCH_F64);
    assert_string_equal(cinch_data_column(data, 1), "height");
    assert_int_equal(data->array.nclass, 2);
    assert_int_equal(data->array.labels[0], 1);
    assert_int_equal(data->array.labels[1], 0);
    assert_true(isnan(cn_data_value(data, 1, 1)));
    cinch_summary summary = cinch_data_summary(data);
    assert_true(summary.minimum == 1 && summary.maximum == 6 && summary.sum == 17 && summary.nan == 1);
    assert_int_equal(cn_data_check(data, 0, 3, true, NULL), CINCH_OK);
    assert_int_equal(cn_data_check(data, 2, 1, false, NULL), CINCH_OK);
    assert_int_equal(cn_data_check(data, 0, 3, false, &error), CINCH_BAD_INPUT);
    assert_says(&error, "iris.csv:3: column \"height\" is NaN (see --missing)");
    cinch_data_free(data);

    assert_int_equal(cinch_recipe_set(recipe, "missing", "refuse", NULL), CINCH_OK);
    error = (cinch_error){0};
    assert_null(cinch_data_load(path, recipe, &error));
    assert_int_equal(error.status, CINCH_BAD_INPUT);
    assert_says(&error, "iris.csv:3: column \"height\" is empty (see --missing)");
    cinch_recipe_free(recipe);

    error = (cinch_error){0};
    assert_null(cinch_data_load(write_file("head.csv", "a,b\n"), NULL, &error));
    assert_says(&error, "has no rows");
    error = (cinch_error){0};
    assert_null(cinch_data_load(in_folder("none.csv"), NULL, &error));
    assert_int_equal(error.status, CINCH_IO);
}

/* Columns and a label of an NPY table, by place; the file is one that `save` made. */
static void test_load_columns(void **state)
{
    static const float values[] = {0, 1, 2, 7, 10, 11, 12, -1, 20, 21, 22, 7};
    const char *const settings[] = {"columns", "2,0", "label", "3", NULL};
    const char *const all_but_label[] = {"label", "0", NULL};
    const char *const by_name[] = {"columns", "width", NULL};
    const char *path = in_folder("table.npy");
    cinch_error error = {0};

    (void)state;
    cinch_data *data = cinch_data_view(CINCH_F32, SHAPE2(3, 4), values, NULL);
    assert_int_equal(cinch_data_save(data, path, false, NULL), CINCH_OK);
    cinch_data_free(data);

    cinch_recipe *recipe = recipe_with(settings);
    data = cinch_data_load(path, recipe, &error);
    assert_non_null(data);
    assert_int_equal(cinch_data_features(data), 2);
    assert_int_equal(cinch_data_shape(data).sizes[1], 2);
    assert_true(cn_data_value(data, 1, 0) == 12 && cn_data_value(data, 2, 1) == 20);
    assert_int_equal(data->array.nclass, 2);
    assert_string_equal(data->array.classes[0], "-1");
    assert_int_equal(data->array.labels[2], 1);
    cinch_data_free(data);
    cinch_recipe_free(recipe);

    recipe = recipe_with(all_but_label);
    data = cinch_data_load(path, recipe, &error);
    assert_int_equal(cinch_data_features(data), 3);
    assert_true(cn_data_value(data, 0, 0) == 1);
    cinch_data_free(data);
    cinch_recipe_free(recipe);

    recipe = recipe_with(by_name);
    assert_null(cinch_data_load(path, recipe, &error));
    assert_says(&error, "the file names none");
    cinch_recipe_free(recipe);
}

/* A file of labels, numbers or words, beside the rows; of another length it is refused. */
static void test_label_file(void **state)
{
    static const uint8_t numbers[] = {3, 1, 3};
    const char *rows = write_file("rows.csv", "1,2\n3,4\n5,6\n");
    const char *npy = in_folder("labels.npy");
    cinch_data *data = cinch_data_view(CINCH_U8, (cinch_shape){1, {3}}, numbers, NULL);

    (void)state;
    assert_int_equal(cinch_data_save(data, npy, false, NULL), CINCH_OK);
    cinch_data_free(data);
    const char *words = write_file("words.csv", "red\nblue\nred\n");
    const char *const files[] = {npy, words};
    const char *const first[] = {"1", "blue"};
    for (int i = 0; i < 2; i++) {
        const char *const settings[] = {"label", files[i], NULL};
        cinch_recipe *recipe = recipe_with(settings);
        cinch_error error = {0};
        data = cinch_data_load(rows, recipe, &error);
        if (data == NULL)
            fail_msg("%s", error.message);
        assert_int_equal(data->array.nclass, 2);
        assert_string_equal(data->array.classes[0], first[i]);
        assert_int_equal(data->array.labels[1], 0);
        assert_int_equal(data->array.labels[2], 1);
        cinch_data_free(data);
        cinch_recipe_free(recipe);
    }
    const char *const settings[] = {"label", words, NULL};
    cinch_recipe *recipe = recipe_with(settings);
    cinch_error error = {0};
    assert_null(cinch_data_load(write_file("two.csv", "1,2\n3,4\n"), recipe, &error));
    assert_says(&error, "has 3 labels for the 2 rows");
    cinch_recipe_free(recipe);
}

/* ---- In memory ----------------------------------------------------------------------------------------- */

static void test_memory(void **state)
{
    float row[3] = {1, 2, 3}, got[3];
    cinch_error error = {0};

    (void)state;
    cinch_data *view = cinch_data_view(CINCH_F32, SHAPE2(1, 3), row, NULL);
    cinch_data *copy = cinch_data_new(CINCH_F32, SHAPE2(1, 3), row, NULL);
    row[1] = NAN;
    cinch_data_get(copy, 0, 1, got);
    assert_true(got[1] == 2);
    cinch_data_get(view, 0, 1, got);
    assert_true(isnan(got[1]));
    assert_null(cinch_data_column(view, 0));
    assert_int_equal(cn_data_check(view, 0, 1, false, &error), CINCH_BAD_INPUT);
    assert_says(&error, "row 0, column 1 is NaN");
    row[1] = -INFINITY;
    error = (cinch_error){0};
    assert_int_equal(cn_data_check(view, 0, 1, true, &error), CINCH_BAD_INPUT);
    assert_says(&error, "minus infinity");
    cinch_summary summary = cinch_data_summary(view);
    assert_int_equal(summary.infinite, 1);
    assert_true(summary.sum == 4);
    cinch_data_free(view);
    cinch_data_free(copy);

    static const cinch_shape wrong[] = {{0, {0}}, {9, {1}}, {2, {0, 3}}, {2, {SIZE_MAX, 3}}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        error = (cinch_error){0};
        assert_null(cinch_data_new(CINCH_F64, wrong[i], row, &error));
        assert_int_equal(error.status, CINCH_USAGE);
    }
}

/* Every type: its numbers as doubles, its summary, its half floats (numpy's values of the bits). */
static void test_types(void **state)
{
    static const uint16_t halves[] = {0x3c00, 0x2e66, 0x7bff, 0x0001, 0xc100, 0x8000};
    static const double truths[] = {1.0, 0.0999755859375, 65504.0, 5.960464477539063e-08, -2.5, -0.0};
    static const int64_t wide[] = {-9007199254740991, 9007199254740991};

    (void)state;
    cinch_data *data = cinch_data_view(CINCH_F16, (cinch_shape){1, {6}}, halves, NULL);
    assert_int_equal(cinch_data_features(data), 1);
    for (size_t i = 0; i < 6; i++)
        assert_true(cn_data_value(data, i, 0) == truths[i]);
    assert_int_equal(cn_data_check(data, 0, 6, false, NULL), CINCH_OK);
    cinch_data_free(data);
    data = cinch_data_view(CINCH_I64, (cinch_shape){1, {2}}, wide, NULL);
    assert_true(cn_data_value(data, 0, 0) == -9007199254740991.0);
    assert_true(cinch_data_summary(data).sum == 0);
    cinch_data_free(data);

    size_t count = 1000003;
    uint8_t *bytes = malloc(count);
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    data = cinch_data_view(CINCH_U8, (cinch_shape){1, {count}}, bytes, NULL);
    assert_true(cinch_data_summary(data).sum == sum);
    cinch_data_free(data);
    free(bytes);
    static const char *const names[] = {"bool",  "uint8",  "int8",  "uint16",  "int16",   "uint32",
                                        "int32", "uint64", "int64", "float16", "float32", "float64"};
    for (int type = CINCH_BOOL; type <= CINCH_F64; type++)
        assert_string_equal(cinch_type_name((cinch_type)type), names[type]);
}

/* ---- Scalers ------------------------------------------------------------------------------------------- */

/* Columns: 1 2 4, constant 0.1, 1e6 + (0, 1, 5); numpy: std of (1, 2, 4) is 1.247219128924647, of (0, 1, 5)
 * 2.160246899469287. */
static const double table_values[] = {1, 0.1, 1e6, 2, 0.1, 1e6 + 1, 4, 0.1, 1e6 + 5};

typedef struct scaler_case {
    cn_scale kind, fitted;
    double offset[3], scale[3];
} scaler_case;

static const scaler_case scaler_cases[] = {
    {CN_SCALE_AUTO,
     CN_SCALE_STANDARD,
     {7.0 / 3, 0.1, 1000002},
     {1 / 1.247219128924647, 0, 1 / 2.160246899469287}},
    {CN_SCALE_STANDARD,
     CN_SCALE_STANDARD,
     {7.0 / 3, 0.1, 1000002},
     {1 / 1.247219128924647, 0, 1 / 2.160246899469287}},
    {CN_SCALE_MINMAX, CN_SCALE_MINMAX, {1, 0.1, 1e6}, {1 / 3.0, 0, 0.2}},
    {CN_SCALE_UNIT, CN_SCALE_UNIT, {0, 0, 0}, {1, 1, 1}},
    {CN_SCALE_NONE, CN_SCALE_NONE, {0, 0, 0}, {1, 1, 1}},
};

static void test_scalers(void **state)
{
    cinch_data *data = cinch_data_view(CINCH_F64, SHAPE2(3, 3), table_values, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof scaler_cases / sizeof scaler_cases[0]; i++) {
        const scaler_case *c = &scaler_cases[i];
        float scaled[3 * 5], back[9];
        cn_scaler scaler, read;
        assert_int_equal(cn_scaler_fit(&scaler, c->kind, data, 3, false, NULL), CINCH_OK);
        assert_int_equal(scaler.kind, c->fitted);
        for (size_t f = 0; f < 3; f++) {
            size_t at = scaler.uniform ? 0 : f;
            assert_true(fabs(scaler.offset[at] - c->offset[f]) <= 1e-12 * fabs(c->offset[f]));
            assert_true(fabs(scaler.scale[at] - c->scale[f]) <= 1e-12 * fabs(c->scale[f]));
        }
        cn_data_gather(data, &scaler, NULL, 0, 3, 5, sizeof(float), scaled);
        for (size_t k = 0; k < 9; k++) {
            size_t f = k % 3, at = scaler.uniform ? 0 : f;
            assert_true(scaled[k / 3 * 5 + f] ==
                        (float)((table_values[k] - scaler.offset[at]) * scaler.scale[at]));
        }
        cn_scaler_invert(&scaler, 3, scaled, 5, false, back);
        for (size_t k = 0; k < 9; k++)
            assert_true(fabs((double)back[k] - table_values[k]) <= 1e-6 * fabs(table_values[k]));

        char *json = cn_scaler_print(&scaler, NULL);
        assert_int_equal(cn_scaler_parse(&read, json, 3, NULL), CINCH_OK);
        assert_int_equal(read.kind, scaler.kind);
        assert_int_equal(read.uniform, scaler.uniform);
        assert_memory_equal(read.scale, scaler.scale, (scaler.uniform ? 1 : 3) * sizeof(double));
        assert_memory_equal(read.offset, scaler.offset, (scaler.uniform ? 1 : 3) * sizeof(double));
        cn_scaler_clear(&read);
        cn_scaler_clear(&scaler);
        cn_free(json);
    }
    cinch_data_free(data);
}

/* Back to the type's units, near and far, wherever the values lie: by a float's factor as by a division. */
static void test_unit_undone(void **state)
{
    enum { ROWS = 7, FEATURES = 53, STRIDE = 64 };
    static const uint16_t maxima[ROWS * FEATURES];
    static float scaled[ROWS * STRIDE], back[ROWS * FEATURES + 16];
    cinch_data *data = cinch_data_view(CINCH_U16, SHAPE2(ROWS, FEATURES), maxima, NULL);
    cn_scaler scaler;

    (void)state;
    assert_int_equal(cn_scaler_fit(&scaler, CN_SCALE_UNIT, data, ROWS, false, NULL), CINCH_OK);
    for (size_t i = 0; i < ROWS * STRIDE; i++)
        scaled[i] = (float)i / (ROWS * STRIDE) - 0.25f;
    for (size_t shift = 0; shift < 32; shift++) {
        float *to = back + shift / 2;
        memset(back, 0, sizeof back);
        cn_scaler_invert(&scaler, ROWS, scaled, STRIDE, shift % 2, to);
        for (size_t r = 0; r < ROWS; r++)
            for (size_t f = 0; f < FEATURES; f++)
                assert_true(to[r * FEATURES + f] == scaled[r * STRIDE + f] * 65535.0f);
        for (size_t i = 0; i < shift / 2; i++)
            assert_true(back[i] == 0 && back[ROWS * FEATURES + 15] == 0);
    }
    cn_scaler_clear(&scaler);
    cinch_data_free(data);
}

/* The type's maximum, whatever the rows hold. */
static void test_unit(void **state)
{
    static const struct {
        cinch_type type;
        double maximum;
    } types[] = {{CINCH_BOOL, 1}, {CINCH_U8, 255}, {CINCH_I8, 127}, {CINCH_U16, 65535}, {CINCH_I16, 32767}};
    static const uint64_t zeros[2];
    cinch_error error = {0};
    cn_scaler scaler;

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        cinch_data *data = cinch_data_view(types[i].type, SHAPE2(1, 2), zeros, NULL);
        assert_int_equal(cn_scaler_fit(&scaler, CN_SCALE_AUTO, data, 1, true, NULL), CINCH_OK);
        assert_int_equal(scaler.kind, CN_SCALE_UNIT);
        assert_true(scaler.uniform && scaler.scale[0] == 1 / types[i].maximum && scaler.fill == NULL);
        cn_scaler_clear(&scaler);
        cinch_data_free(data);
    }
    cinch_data *wide = cinch_data_view(CINCH_I32, SHAPE2(1, 2), zeros, NULL);
    assert_int_equal(cn_scaler_fit(&scaler, CN_SCALE_UNIT, wide, 1, false, &error), CINCH_BAD_INPUT);
    assert_says(&error, "int32");
    cinch_data_free(wide);
    cinch_data *image = cinch_data_view(CINCH_F32, (cinch_shape){3, {1, 1, 2}}, zeros, NULL);
    assert_int_equal(cn_scaler_fit(&scaler, CN_SCALE_AUTO, image, 1, false, NULL), CINCH_OK);
    assert_int_equal(scaler.kind, CN_SCALE_UNIT);
    cn_scaler_clear(&scaler);
    cinch_data_free(image);
}

static void test_missing(void **state)
{
    static const double values[] = {1, 5, NAN, 7, 4, NAN}, lost[] = {NAN, 1, NAN, 2};
    cinch_data *data = cinch_data_view(CINCH_F64, SHAPE2(3, 2), values, NULL);
    cn_scaler scaler;
    cinch_error error = {0};
    float x[6];
    double y[6];

    (void)state;
    assert_int_equal(cn_scaler_fit(&scaler, CN_SCALE_MINMAX, data, 3, true, NULL), CINCH_OK);
    cn_data_gather(data, &scaler, NULL, 0, 3, 2, sizeof(float), x);
    cn_data_gather(data, &scaler, NULL, 0, 3, 2, sizeof(double), y);
    assert_true(x[0] == 0 && x[4] == 1 && x[1] == 0 && x[3] == 1);
    assert_true(x[2] == 0.5f && x[5] == 0.5f); /* the means 2.5 and 6, scaled */
    for (size_t i = 0; i < 6; i++)
        assert_true((float)y[i] == x[i]);
    char *json = cn_scaler_print(&scaler, NULL);
    cn_scaler read;
    assert_int_equal(cn_scaler_parse(&read, json, 2, NULL), CINCH_OK);
    assert_true(read.fill != NULL && read.fill[1] == 0.5);
    cn_scaler_clear(&read);
    cn_free(json);
    cn_scaler_clear(&scaler);
    cinch_data_free(data);

    data = cinch_data_view(CINCH_F64, SHAPE2(2, 2), lost, NULL);
    assert_int_equal(cn_scaler_fit(&scaler, CN_SCALE_STANDARD, data, 2, true, &error), CINCH_BAD_INPUT);
    assert_says(&error, "column 0 has no values");
    assert_null(scaler.scale);
    cinch_data_free(data);
}

static const char *const bad_scalers[] = {
    "",
    "[]",
    "{}",
    "{\"kind\":\"auto\",\"offset\":[0],\"scale\":[1]}",
    "{\"kind\":\"unit\",\"offset\":[0]}",
    "{\"kind\":\"unit\",\"offset\":[0,0],\"scale\":[1,1]}",
    "{\"kind\":\"unit\",\"offset\":[0],\"scale\":[1,1,1]}",
    "{\"kind\":\"unit\",\"offset\":[0],\"scale\":[\"1\"]}",
    "{\"kind\":\"unit\",\"offset\":[0],\"scale\":[1],\"x\":1}",
    "{\"kind\":\"unit\",\"offset\":[0],\"scale\":[1],\"fill\":[1]}",
    "{\"kind\":\"unit\",\"offset\":[0],\"scale\":[1e999]}",
    "{\"kind\":\"unit\",\"offset\":[],\"scale\":[]}",
    "{\"kind\":\"unit\",\"offset\":0,\"scale\":1}",
};

static void test_bad_scalers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_scalers / sizeof bad_scalers[0]; i++) {
        cn_scaler scaler;
        cinch_error error = {0};
        if (cn_scaler_parse(&scaler, bad_scalers[i], 3, &error) != CINCH_BAD_INPUT)
            fail_msg("%s is not refused", bad_scalers[i]);
        assert_true(error.message[0] != '\0');
        assert_null(scaler.offset);
    }
}

/* ---- Gathering ----------------------------------------------------------------------------------------- */

/* Every type and precision against the definition, rows in any order, more features than a block. */
static void test_gather(void **state)
{
    enum { ROWS = 5, FEATURES = 1031, STRIDE = 1040 };
    static const size_t order[] = {4, 0, 0, 3};
    unsigned char *stored = malloc((size_t)ROWS * FEATURES * 8);
    double *x = malloc(4 * STRIDE * sizeof *x), *offset = malloc(FEATURES * sizeof *offset);
    double *scale = malloc(FEATURES * sizeof *scale);

    (void)state;
    for (size_t f = 0; f < FEATURES; f++) {
        offset[f] = (double)f / 7;
        scale[f] = 1 / (double)(f + 3);
    }
    for (int type = CINCH_BOOL; type <= CINCH_F64; type++) {
        size_t size = cn_type_size((cinch_type)type);
        for (size_t i = 0; i < (size_t)ROWS * FEATURES; i++) {
            float single = (float)i / 3;
            double twice = (double)i / 3;
            uint64_t whole = type == CINCH_BOOL ? i % 2 : type == CINCH_F16 ? i % 0x7c00 : i * 2654435761u;
            const void *value = type == CINCH_F32   ? (const void *)&single
                                : type == CINCH_F64 ? (const void *)&twice
                                                    : (const void *)&whole;
            memcpy(stored + i * size, value, size);
        }
        cinch_data *data = cinch_data_view((cinch_type)type, SHAPE2(ROWS, FEATURES), stored, NULL);
        for (int mode = 0; mode < 6; mode++) {
            cn_scaler scaler = {CN_SCALE_STANDARD, FEATURES, mode % 3 == 1, offset, scale, NULL};
            size_t real_size = mode < 3 ? sizeof(float) : sizeof(double);
            cn_data_gather(data, mode % 3 == 2 ? NULL : &scaler, order, 0, 4, STRIDE, real_size, x);
            for (size_t i = 0; i < 4 * FEATURES; i++) {
                size_t row = i / FEATURES, f = i % FEATURES, at = mode % 3 == 1 ? 0 : f;
                double value = cn_data_value(data, order[row], f);
                double truth = mode % 3 == 2 ? value : (value - offset[at]) * scale[at];
                if (mode < 3 ? ((float *)x)[row * STRIDE + f] != (float)truth : x[row * STRIDE + f] != truth)
                    fail_msg("type %d, mode %d, row %zu, feature %zu", type, mode, row, f);
            }
        }
        cinch_data_free(data);
    }
    free(stored);
    free(x);
    free(offset);
    free(scale);
}

/* ---- Saving -------------------------------------------------------------------------------------------- */

static char *read_text(const char *path)
{
    static char text[1 << 20];
    FILE *file = fopen(path, "rb");

    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void test_save_csv(void **state)
{
    static const float values[] = {0.1f,     1,    -0.0f,      16777216,    1e-7f,           3.4028235e38f,
                                   1.4e-45f, 0.3f, 123456.79f, 1.00000012f, 0.000012345678f, 100};
    const char *path = in_folder("floats.csv");
    cinch_data *data = cinch_data_view(CINCH_F32, SHAPE2(2, 6), values, NULL);
    cinch_error error = {0};

    (void)state;
    assert_int_equal(cinch_data_save(data, path, false, NULL), CINCH_OK);
    /* numpy's repr of the float32 values, in its own notation of exponents */
    static const char *const truths[] = {
        "0.1",   "1",   "-0",        "16777216",  "1e-07",          "3.4028235e+38",
        "1e-45", "0.3", "123456.79", "1.0000001", "0.000012345678", "100"};
    char *at = read_text(path);
    for (size_t i = 0; i < 12; i++) {
        char *end = at + strcspn(at, ",\n");
        char stop = *end;
        *end = '\0';
        assert_true(strtof(at, NULL) == values[i]);
        assert_int_equal(strlen(at) <= strlen(truths[i]) + 1, true);
        if (i < 3 || (i >= 7 && i < 10) || i == 11)
            assert_string_equal(at, truths[i]);
        assert_int_equal(stop, i % 6 == 5 ? '\n' : ',');
        at = end + 1;
    }
    assert_int_equal(cinch_data_save(data, in_folder("floats.txt"), false, &error), CINCH_USAGE);
    cinch_data_free(data);
}

/* Floats of all magnitudes come back as they were, with at most nine digits. */
static void test_save_floats(void **state)
{
    enum { COUNT = 40000 };
    float *values = malloc(COUNT * sizeof *values);
    uint32_t bits = 12345;

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        do {
            bits = bits * 1664525 + 1013904223;
            memcpy(&values[i], &bits, sizeof bits);
            if (i % 2 == 0)
                values[i] = (float)(bits >> 8) / 16777216 * (float)pow(10, (double)(i % 14) - 7);
        } while (!isfinite(values[i]));
    }
    cinch_data *data = cinch_data_view(CINCH_F32, SHAPE2(COUNT / 2, 2), values, NULL);
    const char *path = in_folder("many.csv");
    assert_int_equal(cinch_data_save(data, path, false, NULL), CINCH_OK);
    char *at = read_text(path);
    for (size_t i = 0; i < COUNT; i++) {
        char *end = at, *digit;
        size_t ndigit = 0, zeros = 0;
        if (strtof(at, &end) != values[i])
            fail_msg("%a became %.20s", (double)values[i], at);
        for (digit = at + strspn(at, "-0."); digit < end && *digit != 'e'; digit++) {
            zeros = *digit == '0' ? zeros + 1 : 0;
            ndigit += *digit != '.';
        }
        assert_true(ndigit <= 9 + zeros);
        at = end + 1;
    }
    cinch_data_free(data);
    free(values);
}

/* What `save` writes `load` reads to the same, names and all. */
static void test_save_load(void **state)
{
    const char *path = write_file(
        "names.csv", "\"a, b\",\"say \"\"c\"\"\", plain\n0.1,2,NA\n1e300,-5e-324,0.30000000000000004\n");
    cinch_data *data = cinch_data_load(path, NULL, NULL), *again;

    (void)state;
    assert_non_null(data);
    const char *copy = in_folder("copy.csv");
    assert_int_equal(cinch_data_save(data, copy, false, NULL), CINCH_OK);
    again = cinch_data_load(copy, NULL, NULL);
    assert_non_null(again);
    for (size_t f = 0; f < 3; f++)
        assert_string_equal(cinch_data_column(again, f), cinch_data_column(data, f));
    assert_memory_equal(again->array.values, data->array.values, 2 * sizeof(double));
    assert_memory_equal((double *)again->array.values + 3, (double *)data->array.values + 3,
                        3 * sizeof(double));
    assert_true(isnan(cn_data_value(again, 0, 2)));
    cinch_data_free(again);
    cinch_data_free(data);

    static const int64_t wide[] = {INT64_MIN, INT64_MAX, 0, -1};
    data = cinch_data_new(CINCH_I64, (cinch_shape){3, {2, 1, 2}}, wide, NULL);
    assert_int_equal(cinch_data_save(data, in_folder("wide.npy"), false, NULL), CINCH_OK);
    again = cinch_data_load(in_folder("wide.npy"), NULL, NULL);
    assert_int_equal(cinch_data_shape(again).rank, 3);
    assert_memory_equal(again->array.values, wide, sizeof wide);
    cinch_data_free(again);
    assert_int_equal(cinch_data_save(data, in_folder("wide"), true, NULL), CINCH_OK);
    assert_string_equal(read_text(in_folder("wide")), "-9223372036854775808,9223372036854775807\n0,-1\n");
    cinch_data_free(data);
}

/* ---- Every allocation fails once ----------------------------------------------------------------------- */

static cinch_status use_everything(const char *csv, const char *npy, const cinch_recipe *recipe,
                                   cinch_error *error)
{
    cn_scaler scaler = {.offset = NULL}, read = {.offset = NULL};
    char *json = NULL;
    cinch_data *data = cinch_data_load(csv, NULL, error);
    cinch_data *columns = data != NULL ? cinch_data_load(npy, recipe, error) : NULL;

    if (columns != NULL && cn_scaler_fit(&scaler, CN_SCALE_MINMAX, data, 2, true, error) == CINCH_OK)
        json = cn_scaler_print(&scaler, error);
    if (json != NULL && cn_scaler_parse(&read, json, 2, error) == CINCH_OK &&
        cinch_data_save(data, in_folder("starved.csv"), false, error) == CINCH_OK)
        cinch_data_save(data, in_folder("starved.npy"), false, error);
    cn_scaler_clear(&scaler);
    cn_scaler_clear(&read);
    cn_free(json);
    cinch_data_free(columns);
    cinch_data_free(data);
    return error->status;
}

static void test_starved(void **state)
{
    static const float values[] = {1, 2, 3, 4, 5, 6};
    const char *const settings[] = {"columns", "1", "label", "0", NULL};
    char csv[128], npy[128];
    size_t calls = 1, spared = 0;

    (void)state;
    strcpy(csv, write_file("small.csv", "a,b\n1,2\n3,\n"));
    strcpy(npy, in_folder("small.npy"));
    cinch_data *data = cinch_data_view(CINCH_F32, SHAPE2(3, 2), values, NULL);
    assert_int_equal(cinch_data_save(data, npy, false, NULL), CINCH_OK);
    cinch_data_free(data);
    for (size_t fail_at = 0; fail_at <= calls; fail_at++) {
        cinch_error error = {0};
        counted_begin(0);
        cinch_recipe *recipe = recipe_with(settings);
        size_t before = counted_memory.calls, held = counted_memory.blocks;
        counted_memory.fail_at = fail_at == 0 ? 0 : before + fail_at;
        cinch_status status = use_everything(csv, npy, recipe, &error);
        size_t left = counted_memory.blocks - held;
        if (fail_at == 0)
            calls = counted_memory.calls - before;
        cinch_recipe_free(recipe);
        counted_end();
        /* whether the label is a file is asked with an allocation that may fail: then it is a column, as
         * it is */
        spared += status == CINCH_OK;
        if ((status != CINCH_OK && (status != CINCH_MEMORY || fail_at == 0)) || left != 0)
            fail_msg("allocation %zu of %zu: status %d, %zu blocks left: %s", fail_at, calls, status, left,
                     error.message);
    }
    assert_true(calls > 40 && spared <= 4);
}

/* ---- The word donut ------------------------------------------------------------------------------------ */

/* Mean and deviation of value(row) over [first, first + count). */
static void assert_normal(const cinch_data *data, size_t first, size_t count,
                          double (*value)(const cinch_data *, size_t), double mean, double deviation)
{
    double sum = 0, squares = 0;
    for (size_t r = first; r < first + count; r++)
        sum += value(data, r) / (double)count;
    for (size_t r = first; r < first + count; r++)
        squares += (value(data, r) - sum) * (value(data, r) - sum) / (double)count;
    if (fabs(sum - mean) > 0.05 || fabs(sqrt(squares) / deviation - 1) > 0.05)
        fail_msg("mean %g, deviation %g; wanted %g, %g", sum, sqrt(squares), mean, deviation);
}

static double radius(const cinch_data *data, size_t row)
{
    return hypot(cn_data_value(data, row, 0), cn_data_value(data, row, 1));
}

static double third(const cinch_data *data, size_t row)
{
    return cn_data_value(data, row, 2) - cn_data_value(data, row, 0);
}

static double fourth(const cinch_data *data, size_t row)
{
    return cn_data_value(data, row, 3) - cn_data_value(data, row, 0);
}

static double noises(const cinch_data *data, size_t row)
{
    return (third(data, row) + fourth(data, row)) / sqrt(2);
}

/* Of the file that is known by this name: radii 5.02 and 9.98, both of deviation 0.99; columns 2 and 3 less
 * column 0 of deviation 0.321 and 0.319, unrelated to each other; 4,500 rows of class 0, then 4,500 of 1. */
static void test_donut(void **state)
{
    const char *const settings[] = {"columns", "0-3", "label", "4", NULL};
    cinch_error error = {0};

    (void)state;
    assert_int_equal(setenv("CINCH_DATA", folder, 1), 0);
    cinch_recipe *recipe = recipe_with(settings);
    cinch_data *data = cinch_data_load("donut", recipe, &error);
    assert_non_null(data);
    assert_string_equal(cinch_data_source(data), "donut (generated)");
    assert_int_equal(cinch_data_rows(data), 9000);
    assert_int_equal(cinch_data_features(data), 4);
    assert_normal(data, 0, 4500, radius, 5, 1);
    assert_normal(data, 4500, 4500, radius, 10, 1);
    assert_normal(data, 0, 9000, third, 0, 0.32);
    assert_normal(data, 0, 9000, fourth, 0, 0.32);
    assert_normal(data, 0, 9000, noises, 0, 0.32);
    size_t quadrants[4] = {0};
    for (size_t r = 0; r < 9000; r++) {
        assert_int_equal(data->array.labels[r], r >= 4500);
        quadrants[(cn_data_value(data, r, 0) > 0) * 2 + (cn_data_value(data, r, 1) > 0)]++;
    }
    for (size_t i = 0; i < 4; i++)
        assert_in_range(quadrants[i], 2050, 2450);

    cinch_data *again = cinch_data_load("donut", NULL, &error);
    assert_int_equal(cinch_data_features(again), 5);
    assert_true(cn_data_value(again, 8999, 3) == cn_data_value(data, 8999, 3));
    cinch_data_free(again);
    cinch_data_free(data);
    cinch_recipe_free(recipe);

    static const double values[] = {1, 2};
    char inside[128];
    snprintf(inside, sizeof inside, "mkdir '%s'", in_folder("donut"));
    assert_int_equal(system(inside), 0);
    data = cinch_data_view(CINCH_F64, SHAPE2(2, 1), values, NULL);
    assert_int_equal(cinch_data_save(data, in_folder("donut/donut_corr2.npy"), false, NULL), CINCH_OK);
    cinch_data_free(data);
    data = cinch_data_load("donut", NULL, &error);
    assert_string_equal(cinch_data_source(data), in_folder("donut/donut_corr2.npy"));
    assert_int_equal(cinch_data_rows(data), 2);
    cinch_data_free(data);
    unsetenv("CINCH_DATA");
}

/* ---- All ----------------------------------------------------------------------------------------------- */

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    char command[200];

    (void)state;
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_csv),    cmocka_unit_test(test_load_columns),
        cmocka_unit_test(test_label_file),  cmocka_unit_test(test_memory),
        cmocka_unit_test(test_types),       cmocka_unit_test(test_scalers),
        cmocka_unit_test(test_unit),        cmocka_unit_test(test_unit_undone),
        cmocka_unit_test(test_missing),     cmocka_unit_test(test_bad_scalers),
        cmocka_unit_test(test_gather),      cmocka_unit_test(test_save_csv),
        cmocka_unit_test(test_save_floats), cmocka_unit_test(test_save_load),
        cmocka_unit_test(test_starved),     cmocka_unit_test(test_donut),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
