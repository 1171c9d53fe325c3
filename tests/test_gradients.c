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
#include "train/plan.h"

enum { ROWS = 37, FEATURES = 7 }; /* two blocks of rows, the second not full */
static const double step_size = 1e-5, tolerance = 1e-6;

/* A net ready to be differentiated. */
struct net {
    cinch_model *model;
    cn_weights *weights;
    cn_objective objective;
    cn_plan *plan;
    double *gradients[64]; /* of each parameter, packed as it is */
    size_t rows[ROWS];
    cn_step step;
};

static void set(cinch_recipe *recipe, const char *key, const char *value)
{
    cinch_error error = {0};
    if (cinch_recipe_set(recipe, key, value, &error))
        fail_msg("%s = %s: %s", key, value, error.message);
}

/* Rows in (0, 1), which every loss takes. */
static void fill_input(const cn_plan *plan)
{
    double *input = plan->input;
    for (size_t r = 0; r < ROWS; r++) {
        cn_random random = cn_random_at(7, CN_DRAW_DATA, 0, 0, r);
        for (size_t j = 0; j < FEATURES; j++)
            input[r * plan->stride + j] = 0.05 + 0.9 * cn_random_uniform(&random, (uint32_t)j);
    }
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

static void new_net(struct net *net, const char *encoder, const char *decoder, const char *loss,
                    const char *penalty)
{
    cinch_error error = {0};
    cinch_recipe *recipe = cinch_recipe_new(&error);
    assert_non_null(recipe);
    set(recipe, "encoder", encoder);
    set(recipe, "decoder", decoder);
    set(recipe, "loss", loss);
    set(recipe, "penalty", penalty);
    net->model = cn_model_new(recipe, cn_shape_flat(FEATURES), SIZE_MAX, &error);
    if (!net->model || cn_model_init(net->model, "", &error) ||
        cn_objective_new(&net->objective, recipe, net->model, &error))
        fail_msg("%s | %s, %s, %s: %s", encoder, decoder, loss, penalty, error.message);
    shake_biases(net->model);
    net->weights = cn_weights_new(net->model, &cn_kernels_double, true, 0, &error);
    assert_non_null(net->weights);
    net->plan = cn_plan_new(net->model, net->weights, &net->objective, ROWS, true, &error);
    assert_non_null(net->plan);
    fill_input(net->plan);
    net->step =
        (cn_step){.kernels = &cn_kernels_double, .training = true, .seed = 3, .epoch = 2, .epochs = 10};
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
}

static double objective(struct net *net)
{
    for (size_t r = 0; r < ROWS; r++)
        net->rows[r] = 100 + r;
    net->step.rows = net->rows;
    cn_plan_pass(net->plan, &net->step, ROWS, 0, ROWS);
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
    size_t in = packed->matrix.in, out = i / in, k = i % in;
    return (out / CN_PANEL * in + k) * CN_PANEL + out % CN_PANEL;
}

/* |numeric - analytic| / (|numeric| + |analytic|), norms over one parameter. */
static double relative_error(struct net *net, size_t parameter)
{
    double *reals = net->weights->packed[parameter].reals, *gradient = net->gradients[parameter];
    double difference = 0, size = 0;
    for (size_t i = 0; i < net->model->parameters[parameter].count; i++) {
        size_t place = packed_place(net, parameter, i);
        double kept = reals[place];
        reals[place] = kept + step_size;
        double above = objective(net);
        reals[place] = kept - step_size;
        double below = objective(net);
        reals[place] = kept;
        double numeric = (above - below) / (2 * step_size);
        difference += (numeric - gradient[place]) * (numeric - gradient[place]);
        size += numeric * numeric + gradient[place] * gradient[place];
    }
    return size > 0 ? sqrt(difference / size) : 0;
}

static void check(const char *encoder, const char *decoder, const char *loss, const char *penalty)
{
    struct net net = {0};
    new_net(&net, encoder, decoder, loss, penalty);
    compute_gradients(&net);
    for (size_t p = 0; p < net.model->nparameter; p++) {
        double error = relative_error(&net, p);
        if (!(error < tolerance))
            fail_msg("%s || %s, %s, %s: gradient of %s is off by %g", encoder, decoder, loss, penalty,
                     net.model->parameters[p].name, error);
    }
    free_net(&net);
}

/* ---- The tables ---------------------------------------------------------------------------------------- */

static void test_layers(void **state)
{
    (void)state;
    for (const cn_layer *const *layer = cn_layers; *layer; layer++) {
        char encoder[256];
        snprintf(encoder, sizeof encoder, "dense 6 tanh | %s | dense 5 tanh", (*layer)->part.example);
        if (!(*layer)->first)
            check(encoder, "dense 6 tanh | dense 7", "mse", "none");
        snprintf(encoder, sizeof encoder, "%s | dense 5 tanh", (*layer)->part.example);
        check(encoder, "dense 7", "mse", "none");
    }
}

static void test_activations(void **state)
{
    (void)state;
    for (const char *const *name = cn_activation_names; *name; name++) {
        char encoder[256], decoder[256];
        snprintf(encoder, sizeof encoder, "dense 9 %s | dense 5 %s", *name, *name);
        snprintf(decoder, sizeof decoder, "dense 7 %s", *name);
        check(encoder, decoder, "mse", "none");
    }
}

static void test_losses(void **state)
{
    (void)state;
    for (const cn_loss *const *loss = cn_losses; *loss; loss++) {
        check("dense 5 tanh", "dense 7 sigmoid", (*loss)->part.example, "none");
        if (!(*loss)->logits)
            check("dense 5 tanh", "dense 7", (*loss)->part.example, "none");
    }
}

static void test_penalties(void **state)
{
    (void)state;
    for (const cn_penalty *const *penalty = cn_penalties; *penalty; penalty++) {
        check("dense 9 tanh | dense 5 sigmoid", "dense 7 sigmoid", "mse", (*penalty)->part.example);
        char both[256];
        snprintf(both, sizeof both, "%s | weight_l2 0.01", (*penalty)->part.example);
        check("dense 5 sigmoid", "dense 9 tanh | dense 7 sigmoid", "bce", both);
    }
}

static void test_shapes(void **state)
{
    (void)state;
    check("dense 1 tanh", "dense 7", "mse", "none");                    /* one unit */
    check("dense 33 tanh", "mirror sigmoid", "bce", "activity_l1 0.1"); /* wider than the input */
    check("dense 120 silu | dense 2 gelu", "mirror", "huber",
          "weight_l1 0.01"); /* more than one tile of rows */
    check("dense 6 tanh | dense 5 elu | dense 4 selu", "mirror", "mae", "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers),    cmocka_unit_test(test_activations), cmocka_unit_test(test_losses),
        cmocka_unit_test(test_penalties), cmocka_unit_test(test_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
