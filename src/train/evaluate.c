#include "train/evaluate.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "math/tree.h"
#include "model/image.h"

struct cn_evaluator {
    cn_threads *threads;
    cn_plan *plan;              /* a chunk of rows for each thread */
    double *values, *penalties; /* [most_rows] */
    void *sums; /* [blocks of CN_BLOCK_ROWS of them][stride of the code]: sums of codes; NULL where the plan
                 * needs no means */

    /* What the threads work on. */
    cn_step step;
    const cinch_data *data;
    size_t first, count;
    float *noisy, *results; /* of cn_evaluate_noisy; NULL where they are not wanted */
};

cn_evaluator *cn_evaluator_new(const cinch_model *model, cn_weights *weights, const cn_objective *objective,
                               cn_threads *threads, size_t most_rows, cinch_error *error)
{
    cn_evaluator *evaluator = cn_new(1, sizeof *evaluator, error);
    if (!evaluator)
        return NULL;
    evaluator->threads = threads;
    evaluator->plan = cn_plan_new(model, weights, objective, 0, cn_threads_count(threads), false, error);
    evaluator->values = cn_new(most_rows, sizeof *evaluator->values, error);
    evaluator->penalties = cn_new(most_rows, sizeof *evaluator->penalties, error);
    if (!evaluator->plan || !evaluator->values || !evaluator->penalties) {
        cn_evaluator_free(evaluator);
        return NULL;
    }
    if (evaluator->plan->means &&
        !(evaluator->sums = cn_new(cn_round_up(most_rows, CN_BLOCK_ROWS) / CN_BLOCK_ROWS *
                                       cn_stride(cn_shape_size(model->code)),
                                   weights->kernels->real_size, error))) {
        cn_evaluator_free(evaluator);
        return NULL;
    }
    return evaluator;
}

void cn_evaluator_free(cn_evaluator *evaluator)
{
    if (!evaluator)
        return;
    cn_plan_free(evaluator->plan);
    cn_free(evaluator->values);
    cn_free(evaluator->penalties);
    cn_free(evaluator->sums);
    cn_free(evaluator);
}

const double *cn_evaluator_values(const cn_evaluator *evaluator)
{
    return evaluator->values;
}

const double *cn_evaluator_penalties(const cn_evaluator *evaluator)
{
    return evaluator->penalties;
}

/* Adds codes to the sums of their blocks, in the order of the rows: a block is one thread's. */
static void add_codes(const cn_evaluator *evaluator, const cn_step *step, size_t place, size_t row,
                      size_t count)
{
    size_t width = cn_shape_size(evaluator->plan->model->code), stride = cn_stride(width);
    const cn_flow *code = &evaluator->plan->flows[evaluator->plan->model->nencoder - 1];
    for (size_t r = 0; r < count; r++)
        step->kernels->column_sums(1, cn_row(step, code->y, code->y_stride, place + r), code->y_stride, 0,
                                   width, (row + r) % CN_BLOCK_ROWS > 0,
                                   cn_row(step, evaluator->sums, stride, (row + r) / CN_BLOCK_ROWS));
}

/* The rows as they came out of the layers before the first that does more than corrupt. */
static const void *corrupted(const cn_plan *plan, size_t *stride)
{
    size_t node = 0;
    while (node < plan->model->nencoder && !plan->model->nodes[node].layer->mirror)
        node++;
    *stride = node ? plan->flows[node - 1].y_stride : plan->stride;
    return node ? plan->flows[node - 1].y : plan->input;
}

/* The plan's rows `place` on of a buffer, in the data's order and units. */
static void take_rows(const cn_evaluator *evaluator, const void *buffer, size_t stride, size_t place,
                      size_t rows, float *results)
{
    const cinch_model *model = evaluator->plan->model;
    const cn_step *step = &evaluator->step;
    size_t features = evaluator->plan->features;
    for (size_t r = 0; r < rows; r++) {
        const void *row = cn_row(step, buffer, stride, place + r);
        if (cn_image_in_planes(model->input))
            cn_image_join(step->kernels, model->input, row, results + r * features);
        else
            memcpy(results + r * features, row, features * sizeof *results);
    }
    cn_scaler_invert(&model->scaler, rows, results, features, false, results);
}

/* A chunk's results, from the plan's rows `place` on to the caller's rows `first` on. */
static void take_results(const cn_evaluator *evaluator, size_t place, size_t first, size_t rows)
{
    const cn_plan *plan = evaluator->plan;
    size_t place_of_last = cn_last_node(plan->model);
    const cn_node *last = &plan->nodes[place_of_last];
    const cn_flow *flow = &plan->flows[place_of_last];
    const cn_step *step = &evaluator->step;
    if (flow->logits) {
        void *logits = cn_row(step, flow->y, flow->y_stride, place);
        step->kernels->activate(last->layer->activation(last), rows, plan->features, flow->y_stride, logits,
                                logits);
    }
    take_rows(evaluator, flow->y, flow->y_stride, place, rows, evaluator->results + first * plan->features);
    if (!evaluator->noisy)
        return;
    size_t stride;
    const void *noisy = corrupted(plan, &stride);
    take_rows(evaluator, noisy, stride, place, rows, evaluator->noisy + first * plan->features);
}

/* One thread's rows, a chunk at a time through its own part of the plan's buffers. */
static void evaluate_share(void *arg, size_t thread)
{
    cn_evaluator *evaluator = arg;
    const cn_plan *plan = evaluator->plan;
    cn_step step = evaluator->step;
    size_t first, count, chunk = evaluator->plan->chunk, place = thread * chunk;
    cn_plan_enter(plan, &step, thread);
    cn_threads_share(evaluator->count, plan->means ? CN_BLOCK_ROWS : 1, cn_threads_count(evaluator->threads),
                     thread, &first, &count);
    for (size_t end = first + count; first < end; first += chunk) {
        size_t rows = end - first < chunk ? end - first : chunk;
        cn_plan_gather(plan, &step, evaluator->data, NULL, evaluator->first + first, rows, place);
        if (plan->means) {
            cn_plan_encode(plan, &step, place, rows);
            add_codes(evaluator, &step, place, first, rows);
        }
        cn_plan_pass(plan, &step, 1, place, place, rows);
        for (size_t r = 0; r < rows; r++) {
            evaluator->values[first + r] = plan->values[place + r];
            evaluator->penalties[first + r] = plan->penalties[place + r];
        }
        if (evaluator->results)
            take_results(evaluator, place, first, rows);
    }
}

/* Of the rows' mean codes, all rows being one batch. */
static double mean_penalties(const cn_evaluator *evaluator)
{
    const cn_plan *plan = evaluator->plan;
    size_t width = cn_shape_size(plan->model->code);
    if (!plan->means)
        return 0;
    cn_plan_means(plan, evaluator->sums, cn_round_up(evaluator->count, CN_BLOCK_ROWS) / CN_BLOCK_ROWS,
                  cn_stride(width), evaluator->count, 0, width);
    return cn_tree_sum(plan->means + width, width);
}

static double weight_penalties(const cn_plan *plan)
{
    double sum = 0;
    for (size_t t = 0; t < plan->weights->ntile; t++)
        sum += cn_weights_penalty(plan->weights, plan->model, &plan->objective->penalties,
                                  &plan->weights->tiles[t], NULL);
    return sum;
}

static void carry_rows(cn_evaluator *evaluator, const cinch_data *data, size_t first, size_t count,
                       uint64_t seed, bool noise)
{
    evaluator->step =
        (cn_step){.kernels = evaluator->plan->weights->kernels, .noise = noise, .seed = seed, .epochs = 1};
    evaluator->data = data;
    evaluator->first = first;
    evaluator->count = count;
    cn_threads_run(evaluator->threads, evaluate_share, evaluator);
}

void cn_evaluate_noisy(cn_evaluator *evaluator, const cinch_data *data, size_t first, size_t count,
                       uint64_t seed, float *noisy, float *results)
{
    evaluator->noisy = noisy;
    evaluator->results = results;
    carry_rows(evaluator, data, first, count, seed, true);
    evaluator->noisy = evaluator->results = NULL;
}

cn_evaluation cn_evaluate(cn_evaluator *evaluator, const cinch_data *data, size_t first, size_t count,
                          uint64_t seed, bool noise)
{
    const cn_plan *plan = evaluator->plan;
    carry_rows(evaluator, data, first, count, seed, noise);
    double rows = (double)count;
    double reconstruction = cn_tree_sum(evaluator->values, count) / (rows * (double)plan->features);
    double row_penalties = cn_tree_sum(evaluator->penalties, count) / rows;
    return (cn_evaluation){.loss = reconstruction + row_penalties + mean_penalties(evaluator) +
                                   weight_penalties(plan),
                           .reconstruction = reconstruction};
}

/* ---- Rows that a loss takes ---------------------------------------------------------------------------- */

static cinch_status refuse_target(const cn_objective *objective, const cinch_data *data, size_t row,
                                  size_t feature, double value, cinch_error *error)
{
    char what[160];
    snprintf(what, sizeof what, "is %g after scaling: loss %s takes values in [0, 1] (see --scale minmax)",
             value, cn_objective_loss(objective)->part.name);
    return cn_data_refuse(data, row, feature, what, error);
}

cinch_status cn_check_targets(const cn_objective *objective, const cinch_model *model, const cinch_data *data,
                              size_t first, size_t count, cinch_error *error)
{
    if (!cn_objective_loss(objective)->unit_targets)
        return CINCH_OK;
    size_t features = data->features;
    float *row = cn_new(features, sizeof *row, error);
    if (!row)
        return CINCH_MEMORY;
    cinch_status status = CINCH_OK;
    for (size_t r = first; r < first + count && !status; r++) {
        cn_data_gather(data, &model->scaler, NULL, r, 1, features, sizeof *row, row);
        for (size_t f = 0; f < features && !status; f++)
            if (!(row[f] >= 0 && row[f] <= 1))
                status = refuse_target(objective, data, r, f, (double)row[f], error);
    }
    cn_free(row);
    return status;
}
