/* Every layer, activation, loss and penalty of the tables: the gradient of the training objective in
 * double against central differences, draws held fixed (they are keyed by seed, epoch and row). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "data/data.h"
#include "model/decoder.h"
#include "train/plan.h"
#include "tests/strides.h"

/* Two blocks of rows, the second not full; each an image of 4 x 3 x 2, which dense layers flatten. */
enum { ROWS = 37, FEATURES = 24 };
static const cinch_shape image = {.rank = 3, .sizes = {4, 3, 2}};
enum { MOST_VALUES = 50, FEW_VALUES = 5 }; /* of one parameter, spread over it */
static const double step_size = 1e-5, tolerance = 1e-6;

/* A net ready to be differentiated. */
struct net {
    cinch_model *model;
    cn_weights *weights;
    cn_objective objective;
    cn_plan *plan;
    double *gradients[64]; /* of each parameter, packed as it is */
    cinch_data *data;
    size_t order[ROWS];
    size_t most_values;
    cn_step step;
};

static void set(cinch_recipe *recipe, const char *key, const char *value)
{
    cinch_error error = {0};
    if (cinch_recipe_set(recipe, key, value, &error))
        fail_msg("%s = %s: %s", key, value, error.message);
}

/* Rows in (0, 1), which every loss takes, as they are. */
static void new_rows(struct net *net, cinch_shape row)
{
    static double values[ROWS * FEATURES];
    size_t features = cn_shape_size(row);
    cinch_shape shape = {.rank = row.rank + 1, .sizes = {ROWS}};
    memcpy(shape.sizes + 1, row.sizes, row.rank * sizeof *row.sizes);
    cn_scaler scaler = {0};
    for (size_t r = 0; r < ROWS; r++) {
        cn_random random = cn_random_at(7, CN_DRAW_DATA, 0, 0, r);
        for (size_t j = 0; j < features; j++)
            values[r * features + j] = 0.05 + 0.9 * cn_random_uniform(&random, (uint32_t)j);
        net->order[r] = r;
    }
    net->data = cinch_data_view(CINCH_F64, shape, values, NULL);
    assert_non_null(net->data);
    assert_int_equal(cn_scaler_fit(&scaler, CN_SCALE_NONE, net->data, ROWS, false, NULL), CINCH_OK);
    assert_int_equal(cn_model_set_scaler(net->model, &scaler, NULL), CINCH_OK);
}

/* Biases that are not 0, so that nothing stands at a kink by symmetry. */
static void shake_biases(cinch_model *model)
{
    for (size_t p = 0; p < model->nparameter; p++) {
        cn_random random = cn_random_at(11, CN_DRAW_DATA, p, 0, 0);
        for (size_t i = 0; i < model->parameters[p].count && !model->parameters[p].fan_in; i++)
            model->parameters[p].values[i] = (float)(0.4 * cn_random_uniform(&random, (uint32_t)i) - 0.2);
    }
}

/* For batches of so many rows. */
static void new_net(struct net *net, cinch_shape row, size_t batch, const char *encoder, const char *decoder,
                    const char *loss, const char *penalty)
{
    cinch_error error = {0};
    cinch_recipe *recipe = cinch_recipe_new(&error);
    assert_non_null(recipe);
    set(recipe, "encoder", encoder);
    set(recipe, "decoder", decoder);
    set(recipe, "loss", loss);
    set(recipe, "penalty", penalty);
    net->most_values = MOST_VALUES;
    net->model = cn_model_new(recipe, row, SIZE_MAX, &error);
    if (!net->model || cn_model_init(net->model, "", &error) ||
        cn_objective_new(&net->objective, recipe, net->model, &error))
        fail_msg("%s | %s, %s, %s: %s", encoder, decoder, loss, penalty, error.message);
    shake_biases(net->model);
    net->weights = cn_weights_new(net->model, &cn_kernels_double, true, 0, &error);
    assert_non_null(net->weights);
    net->plan = cn_plan_new(net->model, net->weights, &net->objective, batch, 1, true, &error);
    assert_non_null(net->plan);
    new_rows(net, row);
    net->step =
        (cn_step){.kernels = &cn_kernels_double, .training = true, .seed = 3, .epoch = 2, .epochs = 10};
    cn_plan_enter(net->plan, &net->step, 0);
    cinch_recipe_free(recipe);
}

static void free_net(struct net *net)
{
    for (size_t p = 0; p < net->model->nparameter; p++)
        cn_free(net->gradients[p]);
    cn_plan_free(net->plan);
    cn_weights_free(net->weights);
    cn_objective_clear(&net->objective);
    cinch_model_free(net->model);
    cinch_data_free(net->data);
}

static double objective(struct net *net)
{
    const cn_plan *plan = net->plan;
    size_t first, count;
    cn_plan_share(plan, ROWS, 1, 0, &first, &count);
    if (plan->means) {
        const cn_flow *code = &plan->flows[net->model->nencoder - 1];
        cn_plan_gather(plan, &net->step, net->data, net->order, 0, ROWS, 0);
        cn_plan_encode(plan, &net->step, 0, ROWS);
        cn_plan_means(plan, code->y, ROWS, code->y_stride, ROWS, 0, cn_shape_size(net->model->code));
        cn_plan_pass(plan, &net->step, ROWS, 0, 0, ROWS);
    } else {
        cn_plan_carry(plan, &net->step, net->data, net->order, ROWS, first, count);
    }
    double sum = cn_plan_reconstruction(net->plan, ROWS) + cn_plan_code_penalty(net->plan, ROWS);
    for (size_t t = 0; t < net->weights->ntile; t++)
        sum += cn_weights_penalty(net->weights, net->model, &net->objective.penalties,
                                  &net->weights->tiles[t], NULL);
    return sum;
}

static void compute_gradients(struct net *net)
{
    objective(net);
    for (size_t p = 0; p < net->model->nparameter; p++)
        assert_non_null(net->gradients[p] = cn_new(net->weights->packed[p].nreal, sizeof(double), NULL));
    for (size_t t = 0; t < net->weights->ntile; t++) {
        const cn_tile *tile = &net->weights->tiles[t];
        void *gradient = cn_tile_reals(net->weights, tile, net->gradients[tile->parameter]);
        cn_plan_gradient(net->plan, &net->step, ROWS, tile, gradient);
        cn_weights_penalty(net->weights, net->model, &net->objective.penalties, tile, gradient);
    }
}

/* Where value i of a parameter, in the file's order, lies in the packed array. */
static size_t packed_place(const struct net *net, size_t parameter, size_t i)
{
    const cn_packed *packed = &net->weights->packed[parameter];
    if (packed->packing == CN_PACK_VECTOR)
        return i;
    size_t in = packed->matrix.in, values = net->model->parameters[parameter].count / packed->matrix.out,
           out = i / values, k = i % values;
    if (packed->packing == CN_PACK_WINDOWS) {
        const size_t *sizes = net->model->parameters[parameter].shape.sizes, cells = sizes[2] * sizes[3];
        k = k % cells * cn_round_up(sizes[1], CN_PANEL) + k / cells;
    }
    return (out / CN_PANEL * in + k) * CN_PANEL + out % CN_PANEL;
}

/* A real of a parameter as it runs, and in its transpose. */
static void set_real(struct net *net, size_t parameter, size_t place, double value)
{
    cn_packed *packed = &net->weights->packed[parameter];
    ((double *)packed->reals)[place] = value;
    size_t in = packed->matrix.in, panel = place / CN_PANEL;
    if (packed->matrix.transposed)
        cn_kernels_double.transpose_tile(&packed->matrix, panel / in, 0, in);
}

/* |numeric - analytic| / (|numeric| + |analytic|), norms over one parameter. */
static double relative_error(struct net *net, size_t parameter)
{
    double *reals = net->weights->packed[parameter].reals, *gradient = net->gradients[parameter];
    double difference = 0, size = 0;
    size_t count = net->model->parameters[parameter].count, step = count / net->most_values + 1;
    for (size_t i = 0; i < count; i += step) {
        size_t place = packed_place(net, parameter, i);
        double kept = reals[place];
        set_real(net, parameter, place, kept + step_size);
        double above = objective(net);
        set_real(net, parameter, place, kept - step_size);
        double below = objective(net);
        set_real(net, parameter, place, kept);
        double numeric = (above - below) / (2 * step_size);
        difference += (numeric - gradient[place]) * (numeric - gradient[place]);
        size += numeric * numeric + gradient[place] * gradient[place];
    }
    return size > 0 ? sqrt(difference / size) : 0;
}

static void check_net(struct net *of, const char *encoder, const char *decoder, const char *loss,
                      const char *penalty)
{
    struct net net = *of;
    compute_gradients(&net);
    for (size_t p = 0; p < net.model->nparameter; p++) {
        double error = relative_error(&net, p);
        if (!(error < tolerance))
            fail_msg("%s || %s, %s, %s: gradient of %s is off by %g", encoder, decoder, loss, penalty,
                     net.model->parameters[p].name, error);
    }
    free_net(&net);
}

/* Whether it went by bundles. */
static bool check_of(cinch_shape row, const char *encoder, const char *decoder, const char *loss,
                     const char *penalty)
{
    struct net net = {0};
    new_net(&net, row, ROWS, encoder, decoder, loss, penalty);
    bool bundles = net.plan->bundles;
    check_net(&net, encoder, decoder, loss, penalty);
    return bundles;
}

static void check(const char *encoder, const char *decoder, const char *loss, const char *penalty)
{
    check_of(image, encoder, decoder, loss, penalty);
}

/* ---- The tables ---------------------------------------------------------------------------------------- */

/* The layer's example with another activation than relu: of some thousand values one would lie at its
 * kink. */
static const char *smooth(const cn_layer *layer, char room[128])
{
    snprintf(room, 128, "%s", layer->part.example);
    char *relu = strstr(room, "relu");
    if (relu)
        memcpy(relu, "tanh", 4);
    return room;
}

static void test_layers(void **state)
{
    (void)state;
    for (const cn_layer *const *layer = cn_layers; *layer; layer++) {
        char encoder[256], room[128];
        snprintf(encoder, sizeof encoder, "conv 2 2x2 tanh | %s | dense 5 tanh", smooth(*layer, room));
        if (!(*layer)->first)
            check(encoder, "dense 6 tanh | dense 24", "mse", "none");
        snprintf(encoder, sizeof encoder, "%s | dense 5 tanh", smooth(*layer, room));
        check(encoder, "dense 24", "mse", "none");
    }
}

/* Those that have passes over bundles, among images and, where they are for tables, alone. */
static void test_bundles(void **state)
{
    (void)state;
    static const cinch_shape table = {.rank = 1, .sizes = {15}};
    for (const cn_layer *const *layer = cn_layers; *layer; layer++) {
        char encoder[256], room[128];
        snprintf(encoder, sizeof encoder, "conv 2 2x2 tanh | %s | dense 2 tanh", smooth(*layer, room));
        if ((*layer)->bundled &&
            !check_of(image, encoder, "dense 6 tanh | dense 24", "mse", "weight_l2 0.01"))
            fail_msg("%s: not by bundles", encoder);
    }
    for (const char *const *name = cn_activation_names; *name; name++) {
        char encoder[256];
        snprintf(encoder, sizeof encoder, "dense 9 %s | dense 5 %s", *name, *name);
        assert_true(check_of(table, encoder, "tied silu sigmoid", "bce", "weight_l1 0.01"));
        assert_true(check_of(table, encoder, "dense 15 tanh", "huber", "none"));
    }
    assert_true(check_of(table, "dense 16 gelu | dense 1", "tied", "mae", "none"));
}

/* Several panels' tiles at once are one after the other, to the bit. */
static void check_panels(struct net *net)
{
    static double all[CN_TILE_PANELS * CN_TILE_REALS] __attribute__((aligned(CN_ALIGNMENT)));
    objective(net);
    for (size_t t = 0; t < net->weights->ntile; t++) {
        cn_tile tile = net->weights->tiles[t];
        const cn_packed *packed = &net->weights->packed[tile.parameter];
        const size_t left = cn_round_up(packed->matrix.out, CN_PANEL) / CN_PANEL - tile.panel;
        if (packed->packing == CN_PACK_VECTOR || left < 2)
            continue;
        tile.npanel = left < CN_TILE_PANELS ? left : CN_TILE_PANELS;
        cn_plan_gradient(net->plan, &net->step, ROWS, &tile, all);
        for (size_t p = 0; p < tile.npanel; p++) {
            static double one[CN_TILE_REALS] __attribute__((aligned(CN_ALIGNMENT)));
            cn_tile single = tile;
            single.npanel = 1;
            single.panel += p;
            single.first += p * packed->matrix.in * CN_PANEL;
            cn_plan_gradient(net->plan, &net->step, ROWS, &single, one);
            assert_memory_equal(one, all + p * tile.count, tile.count * sizeof *one);
        }
    }
}

/* Convolutions between many channels, beside others: in batches whose gradients go by tiles, and in such as
 * sum them while the rows go by. */
static void test_windows(void **state)
{
    (void)state;
    static const char *const nets[][2] = {
        {"conv 3 2x2 tanh | conv 40 2x2 tanh | conv 24 3x3 gelu | dense 5 tanh", "dense 24"},
        {"conv 24 2x2 tanh | conv 36 4x3 sigmoid stride=2 | maxpool 2 | dense 5 tanh", "dense 24"},
        {"conv 35 1x2 tanh | conv 17 4x5 tanh | dense 5 tanh",
         "dense 12 tanh | reshape 2x1x6 | deconv 60 3x3 tanh stride=2 | conv 33 3x3 silu | deconv 20 4x4 "
         "tanh | dense 24"},
        {"conv 40 3x3 tanh | maxpool 2 | conv 30 3x3 tanh",
         "upsample 2 | conv 40 3x3 tanh | conv 35 3x2 tanh pad=valid | dense 24"}};
    for (size_t i = 0; i < sizeof nets / sizeof nets[0]; i += stride_of("CINCH_SHAPE_STRIDE"))
        for (size_t batch = ROWS; batch < 100; batch += 60) {
            struct net net = {0};
            size_t windows = 0;
            new_net(&net, image, batch, nets[i][0], nets[i][1], "mse", "weight_l2 0.01");
            for (size_t p = 0; p < net.model->nparameter; p++)
                windows += net.model->parameters[p].packing == CN_PACK_WINDOWS;
            assert_true(windows > 0);
            net.most_values = FEW_VALUES;
            assert_int_equal(net.plan->blocks != NULL, batch > ROWS);
            check_panels(&net);
            check_net(&net, nets[i][0], nets[i][1], "mse", "weight_l2 0.01");
        }
}

static void test_decoders(void **state)
{
    (void)state;
    for (const cn_decoder *const *decoder = cn_decoders; *decoder; decoder++) {
        check("dense 5 tanh", (*decoder)->part.example, "mse", "none");
        check("dense 21 silu | dropout 0.3 | dense 18 sigmoid", (*decoder)->part.example, "mae",
              "weight_l2 0.02 | activity_l1 0.01");
    }
    check("dense 19 sigmoid | dense 2 gelu", "tied silu sigmoid", "bce", "weight_l1 0.01");
    check("dropout 0.3 | dense 100 elu | dense 3 softplus | dense 17 sigmoid", "tied gelu linear tanh", "mse",
          "none");
}

/* Each kind of noise; where it stands in the decoder, and twice. */
static void test_noise(void **state)
{
    (void)state;
    check("dense 6 tanh | noise mask 0.4 | dense 5 tanh", "dense 24", "mse", "none");
    check("dense 6 tanh | noise saltpepper 0.4 | dense 5 tanh", "dense 24", "mse", "none");
    check("noise saltpepper 0.4 | dense 70 tanh | noise mask 0.4 | dense 5 tanh",
          "dense 6 tanh | noise gaussian 0.3 | dense 24", "mse", "none");
}

static void test_activations(void **state)
{
    (void)state;
    for (const char *const *name = cn_activation_names; *name; name++) {
        char encoder[256], decoder[256];
        snprintf(encoder, sizeof encoder, "dense 9 %s | dense 5 %s", *name, *name);
        snprintf(decoder, sizeof decoder, "dense 24 %s", *name);
        check(encoder, decoder, "mse", "none");
    }
}

static void test_losses(void **state)
{
    (void)state;
    for (const cn_loss *const *loss = cn_losses; *loss; loss++) {
        check("dense 5 tanh", "dense 24 sigmoid", (*loss)->part.example, "none");
        if (!(*loss)->logits)
            check("dense 5 tanh", "dense 24", (*loss)->part.example, "none");
    }
}

static void test_penalties(void **state)
{
    (void)state;
    for (const cn_penalty *const *penalty = cn_penalties; *penalty; penalty++) {
        char both[256];
        if (*penalty == &cn_penalty_kl)
            continue; /* test_variational */
        check("dense 9 tanh | dense 5 sigmoid", "dense 24 sigmoid", "mse", (*penalty)->part.example);
        snprintf(both, sizeof both, "%s | weight_l2 0.01", (*penalty)->part.example);
        check("dense 5 sigmoid", "dense 9 tanh | dense 24 sigmoid", "bce", both);
    }
}

/* The derivatives of the code by the row and the second ones of the activations, alone and deep. */
static void test_contractive(void **state)
{
    (void)state;
    for (const char *const *name = cn_activation_names; *name; name++) {
        char encoder[256];
        snprintf(encoder, sizeof encoder, "dense 5 %s", *name);
        check(encoder, "dense 24", "mse", "contractive 0.3");
        snprintf(encoder, sizeof encoder, "dense 4 %s | dense 3 %s", *name, *name);
        check(encoder, "dense 24", "mse", "contractive 0.3");
    }
    check("dense 18 silu", "dense 24", "mse", "contractive 0.3"); /* more than a panel */
    check("dense 3 tanh | dense 17 gelu", "dense 24", "mse", "contractive 0.3");
    check("dense 17 silu | dense 4 tanh | dense 2 sigmoid", "tied sigmoid", "bce",
          "contractive 0.1 | kl_sparsity 0.2 0.1 | contractive 0.2 | weight_l2 0.01 | activity_l1 0.01");
    check("dense 3 sigmoid", "tied", "mae", "contractive 0.1 | activity_l1 0.1 | contractive 0.2");
    check("dense 100 gelu | dense 1 softplus", "dense 24", "huber", "contractive 0.2"); /* than a tile */
}

static void test_variational(void **state)
{
    (void)state;
    check("variational 3", "mirror sigmoid", "bce", "none"); /* kl 1 */
    check("dense 6 tanh | variational 17", "dense 5 tanh | dense 24 sigmoid", "bce",
          "kl 3 | activity_l1 0.1 | weight_l2 0.01 | weight_l1 0.01");
    check("dense 6 tanh | variational 4 | dense 3 tanh | variational 2", "dense 24", "mse", "kl 0.5 | kl 1");
}

static void test_shapes(void **state)
{
    (void)state;
    check("dense 1 tanh", "dense 24", "mse", "none");                   /* one unit */
    check("dense 33 tanh", "mirror sigmoid", "bce", "activity_l1 0.1"); /* wider than the input */
    check("dense 120 silu | dense 2 gelu", "mirror", "huber",
          "weight_l1 0.01"); /* more than one tile of rows */
    check("dense 6 tanh | dense 5 elu | dense 4 selu", "mirror", "mae", "none");
}

static void test_images(void **state)
{
    (void)state;
    /* Odd and even windows, strides that leave a remainder, no padding, larger windows than strides and
     * back. */
    check("conv 3 3x2 tanh stride=2 | conv 2 2x3 gelu", "deconv 2 3x3 tanh | conv 2 3x3 tanh | dense 24",
          "mse", "none");
    check("conv 3 5x5 silu", "conv 2 1x1", "huber", "weight_l2 0.01");
    check("conv 2 2x2 tanh stride=3 pad=valid", "dense 24", "mse", "none");
    check("conv 3 3x2 elu pad=valid | dense 3",
          "dense 12 tanh | reshape 2x2x3 | deconv 2 2x3 tanh stride=2 | "
          "conv 2 2x2 tanh pad=valid | dense 24",
          "mse", "activity_l1 0.1");
    check("conv 2 3x3 tanh | maxpool 3", "upsample 2 | deconv 1 5x4 gelu stride=3 | maxpool 3 | dense 24",
          "mse", "none");
    check("conv 4 2x3 tanh | dense 2", "mirror sigmoid", "bce", "none");
    check("conv 3 3x3 tanh | avgpool 2", "dense 6 tanh | dense 24 sigmoid", "bce", "none");
    check("deconv 2 1x1 tanh stride=3 | avgpool 4", "dense 24", "mae", "none");
    /* More channels than go at a time, of planes that fill no vector; what neighbours do in one. */
    check("conv 9 3x3 gelu | conv 6 2x3 tanh stride=2 | maxpool 2", "dense 5 tanh | dense 24", "mse", "none");
    check("conv 5 1x1 elu", "maxpool 2 | upsample 2 | conv 7 2x3 silu | dense 24", "huber", "none");
    check("dense 10 tanh", "reshape 2x1x5 | upsample 3 | conv 5 2x2 tanh pad=valid | dense 24 sigmoid", "bce",
          "none");
    check("deconv 6 3x3 tanh stride=2 | maxpool 3 | dense 3 tanh", "dense 24", "mse", "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers),      cmocka_unit_test(test_activations),
        cmocka_unit_test(test_losses),      cmocka_unit_test(test_penalties),
        cmocka_unit_test(test_shapes),      cmocka_unit_test(test_decoders),
        cmocka_unit_test(test_variational), cmocka_unit_test(test_contractive),
        cmocka_unit_test(test_images),      cmocka_unit_test(test_noise),
        cmocka_unit_test(test_bundles),     cmocka_unit_test(test_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
