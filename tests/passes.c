#include "tests/passes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "tests/guarded.h"

void recipe_put(cinch_recipe *recipe, const char *key, const char *value)
{
    cinch_error error = {0};
    if (cinch_recipe_set(recipe, key, value, &error))
        fail_msg("%s = %s: %s", key, value, error.message);
}

cinch_data *rows_new(cinch_shape row, size_t rows)
{
    size_t features = cn_shape_size(row);
    cinch_shape shape = {.rank = row.rank + 1, .sizes = {rows}};
    memcpy(shape.sizes + 1, row.sizes, row.rank * sizeof *row.sizes);
    float *values = malloc(rows * features * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < rows * features; i++)
        values[i] = (float)(0.5 + 0.45 * noise(i));
    cinch_data *data = cinch_data_new(CINCH_F32, shape, values, NULL);
    assert_non_null(data);
    free(values);
    return data;
}

/* By a parameter's place in the net, not by its name. */
static void set_parameters(cinch_model *model)
{
    for (size_t p = 0; p < model->nparameter; p++) {
        cn_parameter *parameter = &model->parameters[p];
        double scale = parameter->fan_in ? sqrt(3.0 / (double)parameter->fan_in) : 0.3;
        for (size_t i = 0; i < parameter->count; i++)
            parameter->values[i] = (float)(scale * noise(1000 * p + i));
    }
}

static void pass_rows(const cn_plan *plan, cn_step *step, const cinch_data *data, const size_t *order,
                      size_t rows, size_t nthread)
{
    size_t first[8], count[8];
    for (size_t thread = 0; thread < nthread; thread++) {
        cn_plan_enter(plan, step, thread);
        cn_plan_share(plan, rows, nthread, thread, &first[thread], &count[thread]);
        if (!plan->means) {
            cn_plan_carry(plan, step, data, order, rows, first[thread], count[thread]);
            continue;
        }
        cn_plan_gather(plan, step, data, order + first[thread], 0, count[thread], first[thread]);
        cn_plan_encode(plan, step, first[thread], count[thread]);
    }
    if (!plan->means)
        return;
    const cn_flow *code = &plan->flows[plan->model->nencoder - 1];
    cn_plan_means(plan, code->y, rows, code->y_stride, rows, 0, cn_shape_size(plan->model->code));
    for (size_t thread = 0; thread < nthread; thread++) {
        cn_plan_enter(plan, step, thread);
        cn_plan_pass(plan, step, rows, first[thread], first[thread], count[thread]);
    }
}

static void take_gradients(passed *done, const cn_plan *plan, const cn_step *step, size_t rows)
{
    const cn_weights *weights = plan->weights;
    done->nparameter = weights->count;
    done->counts = calloc(weights->count, sizeof *done->counts);
    done->gradients = calloc(weights->count, sizeof *done->gradients);
    assert_true(done->counts && done->gradients);
    for (size_t p = 0; p < weights->count; p++) {
        done->counts[p] = weights->packed[p].nreal;
        done->gradients[p] = cn_new(done->counts[p], step->kernels->real_size, NULL);
        assert_non_null(done->gradients[p]);
    }
    for (size_t t = 0; t < weights->ntile; t++) {
        const cn_tile *tile = &weights->tiles[t];
        cn_plan_gradient(plan, step, rows, tile,
                         cn_tile_reals(weights, tile, done->gradients[tile->parameter]));
    }
}

passed passed_new(const net *of, const cn_kernels *kernels, size_t rows, size_t nthread)
{
    cinch_error error = {0};
    cn_objective objective;
    cn_scaler scaler = {0};
    passed done = {0};
    size_t *order = calloc(rows, sizeof *order);
    cinch_recipe *recipe = cinch_recipe_new(&error);
    assert_true(order && recipe);
    recipe_put(recipe, "encoder", of->encoder);
    recipe_put(recipe, "decoder", of->decoder);
    recipe_put(recipe, "loss", of->loss ? of->loss : "mse");
    recipe_put(recipe, "penalty", of->penalty ? of->penalty : "none");
    cinch_model *model = cn_model_new(recipe, of->row, SIZE_MAX, &error);
    if (!model || cn_objective_new(&objective, recipe, model, &error))
        fail_msg("%s || %s: %s", of->encoder, of->decoder, error.message);
    cinch_data *data = rows_new(of->row, rows);
    assert_int_equal(cn_scaler_fit(&scaler, CN_SCALE_NONE, data, rows, false, NULL), CINCH_OK);
    assert_int_equal(cn_model_set_scaler(model, &scaler, NULL), CINCH_OK);
    set_parameters(model);
    cn_weights *weights = cn_weights_new(model, kernels, true, 0, &error);
    assert_non_null(weights);
    cn_plan *plan = cn_plan_new(model, weights, &objective, rows, nthread, true, &error);
    assert_non_null(plan);
    for (size_t r = 0; r < rows; r++)
        order[r] = rows - 1 - r;
    if (of->alone)
        order[0] = of->alone - 1;
    rows = of->alone ? 1 : of->few ? of->few : rows;
    cn_step step = {.kernels = kernels, .training = true, .seed = 3, .epoch = 1, .epochs = 4};
    if (of->keep && plan->bundles) {
        assert_int_equal(cn_bundles_keep(plan->bundles, rows, NULL), CINCH_OK);
        pass_rows(plan, &step, data, order, rows, nthread);
    }
    pass_rows(plan, &step, data, order, rows, nthread);
    done.objective = cn_plan_reconstruction(plan, rows) + cn_plan_code_penalty(plan, rows);
    done.local = plan->local;
    done.bundles = plan->bundles != NULL;
    for (size_t i = 0; i < model->nnode; i++)
        done.idle += plan->nodes[i].idle;
    take_gradients(&done, plan, &step, rows);
    cn_plan_free(plan);
    cn_weights_free(weights);
    cn_objective_clear(&objective);
    cinch_model_free(model);
    cinch_data_free(data);
    cinch_recipe_free(recipe);
    free(order);
    return done;
}

void passed_free(passed *done)
{
    for (size_t p = 0; p < done->nparameter; p++)
        cn_free(done->gradients[p]);
    free(done->gradients);
    free(done->counts);
}

double passed_tolerance(const cn_kernels *kernels)
{
    return kernels->real_size == 8 ? 1e-12 : 2e-5;
}

void passed_check_near(const net *of, const cn_kernels *k, const passed *want, const passed *got,
                       double tolerance)
{
    assert_int_equal(want->nparameter, got->nparameter);
    if (!(fabs(want->objective - got->objective) <= tolerance * fabs(want->objective)))
        fail_msg("%s || %s, %s: objective %.17g, not %.17g", of->encoder, of->decoder, k->name,
                 got->objective, want->objective);
    for (size_t p = 0; p < want->nparameter; p++) {
        double difference = 0, size = 0;
        assert_int_equal(want->counts[p], got->counts[p]);
        for (size_t i = 0; i < want->counts[p]; i++) {
            double one = at(k, want->gradients[p], i), other = at(k, got->gradients[p], i);
            difference += (one - other) * (one - other);
            size += one * one;
        }
        assert_true(size > 0);
        if (!(sqrt(difference / size) <= tolerance))
            fail_msg("%s || %s, %s: the gradient of parameter %zu is off by %g", of->encoder, of->decoder,
                     k->name, p, sqrt(difference / size));
    }
}

void passed_check_same(const net *of, const cn_kernels *k, const passed *want, const passed *got)
{
    assert_int_equal(want->nparameter, got->nparameter);
    if (want->objective != got->objective)
        fail_msg("%s || %s, %s: objective %a, not %a", of->encoder, of->decoder, k->name, got->objective,
                 want->objective);
    for (size_t p = 0; p < want->nparameter; p++)
        if (memcmp(want->gradients[p], got->gradients[p], want->counts[p] * k->real_size))
            fail_msg("%s || %s, %s: the gradient of parameter %zu has other bits", of->encoder, of->decoder,
                     k->name, p);
}
