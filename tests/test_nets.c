/* Nets of images: what the planner does in one with a neighbour, and what it keeps for a few rows only,
 * changes nothing; a net at inference is the one that was trained; files that claim too much are refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "data/data.h"
#include "tests/counted.h"
#include "tests/guarded.h"
#include "tests/passes.h"
#include "tests/strides.h"

enum { MOST_ROWS = 203 };

static const cn_kernels *tables[2]; /* double, and what is chosen */

/* ---- In one, or apart ---------------------------------------------------------------------------------- */

/* The same layers in a row, what goes together once within the encoder or decoder and once with the code
 * between, which must come out. */
static const struct {
    net together, apart;
} seams[] = {
#define SEAM(h, w, c, left, middle, right, loss_)                                                            \
    {                                                                                                        \
        {.encoder = left, .decoder = middle " | " right, .loss = loss_, .row = {3, {h, w, c}}},              \
        {                                                                                                    \
            .encoder = left " | " middle, .decoder = right, .loss = loss_, .row = { 3, {h, w, c} }           \
        }                                                                                                    \
    }
    /* An upsampling and the convolution behind it. */
    SEAM(6, 4, 1, "conv 9 3x3 tanh stride=2", "upsample 2", "conv 6 3x2 tanh | conv 1 3x3", "mse"),
    SEAM(9, 6, 3, "conv 10 2x2 tanh stride=3", "upsample 3", "conv 3 4x5 sigmoid", "bce"),
    SEAM(4, 4, 2, "conv 8 3x3 gelu | maxpool 4", "upsample 4", "conv 9 5x1 gelu | conv 2 1x1", "huber"),
    SEAM(7, 5, 1, "dense 32 tanh | reshape 2x2x8", "upsample 3", "conv 5 2x3 silu pad=valid | dense 35",
         "mse"),
    SEAM(1, 1, 3, "conv 12 3x3 tanh", "upsample 5", "conv 2 7x7 tanh | dense 3", "mae"),
    SEAM(5, 7, 2, "conv 3 3x3 tanh", "upsample 2", "conv 3 3x3 tanh stride=2 | conv 2 3x3", "mse"),
#undef SEAM
/* A convolution and the pool behind it: `left` ends in the convolution. */
#define SEAM(h, w, c, left, middle, right, loss_)                                                            \
    {                                                                                                        \
        {.encoder = left " | " middle, .decoder = right, .loss = loss_, .row = {3, {h, w, c}}},              \
        {                                                                                                    \
            .encoder = left, .decoder = middle " | " right, .loss = loss_, .row = { 3, {h, w, c} }           \
        }                                                                                                    \
    }
    SEAM(8, 6, 1, "conv 5 3x3 relu", "maxpool 2", "conv 3 3x3 relu | upsample 2 | conv 1 3x3", "mse"),
    SEAM(7, 5, 3, "conv 9 2x3 tanh", "maxpool 3", "deconv 4 3x3 elu stride=3 | dense 105", "mse"),
    SEAM(5, 3, 2, "deconv 6 3x3 relu stride=2", "maxpool 4", "conv 3 1x1 tanh | dense 30 sigmoid", "bce"),
    SEAM(11, 13, 1, "conv 2 5x5 sigmoid stride=2", "maxpool 2", "dense 143", "huber"),
    SEAM(3, 3, 1, "conv 6 3x3 linear pad=valid", "maxpool 5", "dense 9 tanh", "mae"),
#undef SEAM
};
enum { NSEAM = sizeof seams / sizeof *seams };

static void test_together_or_apart(void **state)
{
    (void)state;
    size_t fused = 0;
    for (size_t i = 0; i < NSEAM; i++)
        for (size_t t = 0; t < 2; t++)
            for (size_t rows = 27; rows <= 43; rows += 16) { /* of 43, those that can go by bundles */
                const net *of = &seams[i].together;
                passed together = passed_new(of, tables[t], rows, 2);
                passed apart = passed_new(&seams[i].apart, tables[t], rows, 2);
                fused += together.idle > apart.idle;
                passed_check_near(of, tables[t], &apart, &together, passed_tolerance(tables[t]));
                passed_free(&together);
                passed_free(&apart);
            }
    assert_true(fused >= 2 * NSEAM);
}

/* ---- Rows at a time, or the batch ---------------------------------------------------------------------- */

/* Codes that are sigmoids, so that a penalty can be of their means over the batch: of next to no weight, it
 * changes what is kept and nothing else. */
static const net nets[] = {
    {.encoder = "conv 4 3x3 relu | maxpool 2 | conv 3 3x3 sigmoid",
     .decoder = "upsample 2 | conv 5 3x3 relu | conv 1 3x3 sigmoid",
     .loss = "bce",
     .row = {3, {8, 6, 1}}},
    {.encoder = "conv 3 3x3 tanh stride=2 | dense 7 sigmoid",
     .decoder = "dense 24 gelu | reshape 4x3x2 | deconv 5 3x3 silu | maxpool 2 | dense 48",
     .row = {3, {8, 6, 1}}},
    {.encoder =
         "noise mask 0.3 | conv 6 5x5 gelu | maxpool 3 | dropout 0.2 | dense 20 tanh | dense 5 sigmoid",
     .decoder = "dense 40 relu | dropout 0.2 | reshape 2x4x5 | conv 3 3x3 elu | dense 105",
     .loss = "huber",
     .row = {3, {7, 5, 3}}},
    {.encoder = "conv 40 3x3 tanh | conv 26 3x3 gelu stride=2 | maxpool 2 | dense 5 sigmoid",
     .decoder = "dense 30 tanh | reshape 2x1x15 | deconv 44 4x4 tanh stride=2 | conv 3 2x3 elu | dense 105",
     .row = {3, {7, 5, 3}}}, /* as products: of few rows by tiles */
    {.encoder = "avgpool 2 | conv 40 3x3 tanh | conv 2 1x1 sigmoid",
     .decoder = "upsample 3 | conv 9 3x3 tanh pad=valid | dense 289",
     .row = {3, {17, 17, 1}}}, /* wide: few rows at a time */
};
enum { NNET = sizeof nets / sizeof *nets, PRODUCTS = NNET - 2 };

/* From one batch's size to the next; under a slow checker CINCH_ROWS_STRIDE times as far. */
static size_t rows_step(size_t step)
{
    return step * stride_of("CINCH_ROWS_STRIDE");
}

static void test_rows_or_batch(void **state)
{
    (void)state;
    for (size_t i = 0; i < NNET; i++)
        for (size_t t = 0; t < 2; t++)
            for (size_t rows = 1; rows <= MOST_ROWS; rows += rows_step(101)) {
                net parts = nets[i], whole = nets[i];
                parts.penalty = "activity_l1 1e-30"; /* not by bundles */
                whole.penalty = "kl_sparsity 0.1 1e-30";
                passed few = passed_new(&parts, tables[t], rows, 3),
                       all = passed_new(&whole, tables[t], rows, 3);
                assert_true((few.local || (i == PRODUCTS && rows <= 64)) && !all.local);
                passed_check_near(&nets[i], tables[t], &all, &few, passed_tolerance(tables[t]) / 10);
                passed_free(&few);
                passed_free(&all);
            }
}

/* A batch's gradient is the mean of its rows', where none draws: of a net so wide that fewer rows pass at a
 * time than make a block. */
static void test_batch_is_its_rows(void **state)
{
    (void)state;
    enum { ROWS = 20 };
    const cn_kernels *k = tables[0];
    net of = nets[NNET - 1];
    passed whole = passed_new(&of, k, ROWS, 2), mean = {0};
    for (of.alone = 1; of.alone <= ROWS; of.alone++) {
        passed one = passed_new(&of, k, ROWS, 1);
        mean.objective += one.objective / ROWS;
        for (size_t p = 0; p < one.nparameter; p++)
            for (size_t i = 0; i < one.counts[p]; i++) {
                double sum = mean.nparameter ? at(k, mean.gradients[p], i) : 0;
                set(k, of.alone == 1 ? one.gradients[p] : mean.gradients[p], i,
                    sum + at(k, one.gradients[p], i) / ROWS);
            }
        double objective = mean.objective;
        if (of.alone == 1)
            mean = one;
        else
            passed_free(&one);
        mean.objective = objective;
    }
    passed_check_near(&of, k, &whole, &mean, 1e-12);
    passed_free(&whole);
    passed_free(&mean);
}

/* The same bits, however many threads there are. */
static void test_threads(void **state)
{
    (void)state;
    for (size_t i = 0; i < NNET; i++)
        for (int means = 0; means < 2; means++)
            for (size_t rows = 3; rows <= MOST_ROWS; rows += rows_step(100)) {
                net of = nets[i];
                of.penalty = means ? "kl_sparsity 0.1 0.01" : "activity_l1 0.001";
                passed one = passed_new(&of, tables[1], rows, 1);
                for (size_t nthread = 2; nthread <= 8; nthread = nthread * 2 - 1) {
                    passed more = passed_new(&of, tables[1], rows, nthread);
                    passed_check_same(&of, tables[1], &one, &more);
                    passed_free(&more);
                }
                passed_free(&one);
            }
}

/* ---- Inference ----------------------------------------------------------------------------------------- */

static const net inferred[] = {
    {.encoder = "conv 5 3x3 gelu | maxpool 2 | dense 6 tanh",
     .decoder = "dense 12 silu | reshape 2x3x2 | upsample 2 | conv 7 2x2 relu | dense 35",
     .row = {3, {7, 5, 1}}},
    {.encoder = "conv 9 3x2 relu | maxpool 3 | conv 4 3x3 tanh",
     .decoder = "deconv 6 4x4 relu stride=3 | maxpool 2 | dense 105 sigmoid",
     .row = {3, {7, 5, 3}}},
    {.encoder = "deconv 3 3x3 elu | maxpool 4 | dense 5",
     .decoder = "dense 16 gelu | dense 54",
     .row = {3, {3, 6, 3}}},
    {.encoder = "conv 3 3x3 selu stride=2 | conv 2 2x2",
     .decoder = "upsample 2 | conv 6 3x3 softplus | conv 3 3x3 sigmoid",
     .row = {3, {6, 8, 3}}},
    {.encoder = "avgpool 2 | conv 17 1x3 leaky | avgpool 3",
     .decoder = "dense 22 | reshape 11x1x2 | upsample 2 | conv 5 5x5 tanh | maxpool 2 | conv 13 1x1",
     .row = {3, {11, 13, 1}}},
    {.encoder = "reshape 3x5x2 | conv 2 3x3 tanh | reshape 30",
     .decoder = "dense 30 sigmoid",
     .row = {1, {30}}},
    {.encoder = "maxpool 2 | conv 4 7x7 sigmoid",
     .decoder = "upsample 2 | deconv 2 1x1 stride=1",
     .row = {3, {2, 4, 2}}},
    {.encoder = "conv 1 1x1 stride=3 | dense 2 relu",
     .decoder = "reshape 1x1x2 | conv 4 2x2 tanh | dense 1",
     .row = {3, {1, 1, 1}}},
};

/* Rows by themselves, a few at a time and by two threads have the bits that they have all at once. */
static void check_rows(const net *of, cinch_model *model, const cinch_data *data, size_t nrow,
                       const float *rows)
{
    static const size_t counts[] = {1, 5, 8, 23};
    size_t features = cn_shape_size(of->row);
    float *again = malloc(nrow * features * sizeof *again);
    assert_non_null(again);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        cinch_runner *runner = cinch_runner_new(model, 2, NULL);
        assert_non_null(runner);
        for (size_t r = 0, count; r < nrow; r += count) {
            count = nrow - r < counts[i] ? nrow - r : counts[i];
            assert_int_equal(cinch_runner_reconstruct(runner, data, r, count, again + r * features, NULL),
                             CINCH_OK);
        }
        if (memcmp(rows, again, nrow * features * sizeof *again) != 0)
            fail_msg("%s || %s: rows have other bits %zu at a time", of->encoder, of->decoder, counts[i]);
        cinch_runner_free(runner);
    }
    free(again);
}

static void check_inference(const net *of)
{
    enum { ROWS = 101 };
    cinch_error error = {0};
    size_t features = cn_shape_size(of->row);
    cinch_data *data = rows_new(of->row, ROWS);
    cinch_recipe *recipe = cinch_recipe_new(NULL);
    recipe_put(recipe, "encoder", of->encoder);
    recipe_put(recipe, "decoder", of->decoder);
    recipe_put(recipe, "epochs", "2");
    recipe_put(recipe, "batch", "20");
    recipe_put(recipe, "scale", "none");
    recipe_put(recipe, "threads", "2");
    cinch_trainer *trainer = cinch_trainer_new(recipe, data, &error);
    if (!trainer || cinch_trainer_run(trainer, NULL, NULL, &error))
        fail_msg("%s || %s: %s", of->encoder, of->decoder, error.message);
    cinch_model *model = cinch_trainer_model(trainer, NULL);
    cinch_runner *runner = cinch_runner_new(model, 1, NULL);
    assert_non_null(runner);
    size_t width = cn_shape_size(model->code);
    float *rows = malloc(ROWS * features * sizeof *rows), *again = malloc(ROWS * features * sizeof *rows),
          *codes = malloc(ROWS * width * sizeof *codes), *wanted = malloc(ROWS * features * sizeof *wanted);
    double scores[ROWS];
    assert_true(rows && again && codes && wanted);
    assert_int_equal(cinch_runner_score(runner, data, 0, ROWS, false, scores, NULL), CINCH_OK);
    assert_int_equal(cinch_runner_reconstruct(runner, data, 0, ROWS, rows, NULL), CINCH_OK);
    check_rows(of, model, data, ROWS, rows);
    cinch_data_get(data, 0, ROWS, wanted);
    for (size_t r = 0; r < ROWS; r++) {
        double sum = 0;
        for (size_t f = r * features; f < (r + 1) * features; f++)
            sum += pow((double)rows[f] - (double)wanted[f], 2);
        if (!(fabs(sum / (double)features - scores[r]) <= 1e-5 * scores[r] + 1e-9))
            fail_msg("%s || %s: row %zu: inference %g, training %g", of->encoder, of->decoder, r,
                     sum / (double)features, scores[r]);
    }
    assert_int_equal(cinch_runner_encode(runner, data, 0, ROWS, codes, NULL), CINCH_OK);
    cinch_data *coded = cinch_data_view(CINCH_F32, (cinch_shape){2, {ROWS, width}}, codes, NULL);
    assert_non_null(coded);
    assert_int_equal(cinch_runner_decode(runner, coded, 0, ROWS, again, NULL), CINCH_OK);
    for (size_t i = 0; i < ROWS * features; i++)
        assert_true(fabsf(again[i] - rows[i]) <= 1e-5f * (1 + fabsf(rows[i])));
    cinch_data_free(coded);
    free(rows);
    free(again);
    free(codes);
    free(wanted);
    cinch_runner_free(runner);
    cinch_model_free(model);
    cinch_trainer_free(trainer);
    cinch_recipe_free(recipe);
    cinch_data_free(data);
}

static void test_inference(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof inferred / sizeof *inferred; i++)
        check_inference(&inferred[i]);
    for (size_t i = 0; i < NNET; i++)
        check_inference(&nets[i]);
}

/* ---- Files that claim too much ------------------------------------------------------------------------- */

/* Recipes of model files, the hash made anew: nets that no file of a few bytes can hold. */
static const struct {
    const char *input, *encoder, *decoder;
} claims[] = {
    {"60000x60000x1", "conv 65536 255x255", "dense 24"},
    {"60000x60000x1", "conv 1 255x255 stride=255 | maxpool 4096", "dense 3600000000"},
    {"4294967296x4294967296x24", "dense 2", "dense 24"},
    {"4294967295x1x1", "conv 65536 255x255 stride=255", "upsample 255"},
    {"1x1x4294967295", "conv 65536 255x255", "dense 4294967295"},
    {"6x4x1", "conv 65536 255x255 | conv 65536 255x255", "dense 24"},
    {"6x4x1", "upsample 4096 | upsample 4096 | upsample 4096 | upsample 4096 | upsample 4096", "dense 24"},
    {"6x4x1", "upsample 4096 | maxpool 4096", "dense 24"},
    {"6x4x1", "upsample 4096 | conv 1 255x255 stride=255", "deconv 1 255x255 stride=255 | dense 24"},
    {"6x4x1", "deconv 16 255x255 stride=255 | deconv 65536 1x1 stride=255", "dense 24"},
    {"6x4x1", "reshape 4611686018427387910x4x1", "dense 24"},
    {"6x4x1", "reshape 4294967296x4294967296x1", "dense 24"},
    {"6x4x1", "conv 2 7x1 pad=valid", "dense 24"},
    {"6x4x1", "conv 2 3x3 stride=0", "dense 24"},
    {"6x4x1", "reshape 24 | conv 2 3x3", "dense 24"},
    {"6x4x1", "dense 65536 | reshape 256x256x1 | conv 65536 1x1", "dense 24"},
};

static cinch_model *small_model(void)
{
    cinch_recipe *recipe = cinch_recipe_new(NULL);
    cinch_error error = {0};
    recipe_put(recipe, "input", "6x4x1");
    recipe_put(recipe, "encoder", "conv 1 1x1");
    cinch_model *model = cn_model_new(recipe, (cinch_shape){0}, SIZE_MAX, &error);
    if (!model)
        fail_msg("%s", error.message);
    cn_scaler scaler = {0};
    cinch_data *data = rows_new((cinch_shape){3, {6, 4, 1}}, 2);
    assert_int_equal(cn_scaler_fit(&scaler, CN_SCALE_NONE, data, 2, false, NULL), CINCH_OK);
    assert_int_equal(cn_model_set_scaler(model, &scaler, NULL), CINCH_OK);
    cinch_data_free(data);
    cinch_recipe_free(recipe);
    return model;
}

/* The model's file with another recipe in it. */
static void write_claim(const cinch_model *model, const char *recipe, const char *path)
{
    cn_model_file file;
    assert_int_equal(cn_model_file_new(model, 0, 0, &file, NULL), CINCH_OK);
    for (size_t i = 0; recipe && i < file.nentry; i++)
        if (!strcmp(file.entries[i].key, "recipe"))
            file.entries[i].value = recipe;
    assert_int_equal(cn_safetensors_write(path, file.entries, file.nentry, file.tensors, file.ntensor, NULL),
                     CINCH_OK);
    cn_model_file_clear(&file);
}

static void test_claims(void **state)
{
    (void)state;
    char path[] = "/tmp/cinch-nets-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    cinch_model *model = small_model();
    write_claim(model, NULL, path);
    cinch_model *read = cinch_model_load(path, NULL);
    assert_non_null(read);
    cinch_model_free(read);
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        char recipe[512];
        cinch_error error = {0};
        snprintf(recipe, sizeof recipe, "[model]\ninput = %s\nencoder = %s\ndecoder = %s\n", claims[i].input,
                 claims[i].encoder, claims[i].decoder);
        write_claim(model, recipe, path);
        counted_begin(0);
        read = cinch_model_load(path, &error);
        size_t largest = counted_memory.largest, blocks = counted_memory.blocks;
        if (read)
            fail_msg("%s || %s: it was read", claims[i].encoder, claims[i].decoder);
        counted_end();
        if (error.status != CINCH_BAD_INPUT || !*error.message || strchr(error.message, '\n'))
            fail_msg("%s || %s: %d, \"%s\"", claims[i].encoder, claims[i].decoder, (int)error.status,
                     error.message);
        assert_int_equal(blocks, 0);
        if (largest >= 1 << 16)
            fail_msg("%s || %s: allocated %zu bytes", claims[i].encoder, claims[i].decoder, largest);
    }
    cinch_model_free(model);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_together_or_apart), cmocka_unit_test(test_rows_or_batch),
        cmocka_unit_test(test_batch_is_its_rows), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_inference),         cmocka_unit_test(test_claims),
    };
    tables[0] = &cn_kernels_double;
    if (!(tables[1] = cn_kernels_choose(NULL)))
        return 1;
    return cmocka_run_group_tests_name("nets", tests, NULL, NULL);
}
