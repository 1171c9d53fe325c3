/* cinch_runner: a model with all that running it needs, made as it is first asked for. */
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "data/data.h"
#include "model/codes.h"
#include "train/evaluate.h"
#include "train/inference.h"

enum { ENCODE, DECODE, RECONSTRUCT, NTASK };
enum { ROWS_WORTH_THREADS = 384, SCORED_AT_A_TIME = 8192, GENERATED_AT_A_TIME = 4096, FAR_REALS = 1 << 20 };

struct cinch_runner {
    const cinch_model *model;
    const cn_kernels *kernels;
    size_t wanted_threads;
    cn_threads *threads; /* made for the first work that is worth it */
    cn_threads *single;
    cn_inference *tasks[NTASK]; /* for all threads once there are some, else for one */
    size_t task_threads[NTASK];
    cn_scaler none; /* codes come as they are */
    double zero, one;

    cn_objective objective; /* for scores; weights NULL until then */
    cn_weights *weights;
    cn_evaluator *evaluator;
};

cinch_runner *cinch_runner_new(const cinch_model *model, size_t threads, cinch_error *error)
{
    cinch_runner *runner = cn_new(1, sizeof *runner, error);
    if (!runner)
        return NULL;
    runner->model = model;
    runner->wanted_threads = threads;
    runner->one = 1;
    runner->none = (cn_scaler){.kind = CN_SCALE_NONE,
                               .features = cn_shape_size(model->code),
                               .uniform = true,
                               .offset = &runner->zero,
                               .scale = &runner->one};
    runner->kernels = cn_kernels_choose(error);
    if (!runner->kernels || !(runner->single = cn_threads_new(1, error))) {
        cinch_runner_free(runner);
        return NULL;
    }
    return runner;
}

void cinch_runner_free(cinch_runner *runner)
{
    if (!runner)
        return;
    for (size_t i = 0; i < NTASK; i++)
        cn_inference_free(runner->tasks[i]);
    cn_evaluator_free(runner->evaluator);
    cn_weights_free(runner->weights);
    cn_objective_clear(&runner->objective);
    cn_threads_free(runner->threads);
    cn_threads_free(runner->single);
    cn_free(runner);
}

/* ---- Encode, decode, reconstruct ----------------------------------------------------------------------- */

/* The pool for so many rows: a few are done sooner than threads start. */
static cn_threads *threads_for(cinch_runner *runner, size_t nrow, cinch_error *error)
{
    if (nrow < ROWS_WORTH_THREADS || runner->wanted_threads == 1)
        return runner->single;
    if (!runner->threads)
        runner->threads = cn_threads_new(runner->wanted_threads, error);
    return runner->threads;
}

static cn_inference *inference_for(cinch_runner *runner, size_t task, size_t nthread, cinch_error *error)
{
    if (runner->tasks[task] && runner->task_threads[task] >= nthread)
        return runner->tasks[task];
    const cinch_model *model = runner->model;
    size_t first = task == DECODE ? model->nencoder : 0,
           end = task == ENCODE ? model->nencoder : model->nnode;
    cn_inference *made = cn_inference_new(model, first, end - first, runner->kernels, nthread, error);
    if (!made)
        return NULL;
    cn_inference_free(runner->tasks[task]);
    runner->tasks[task] = made;
    runner->task_threads[task] = nthread;
    return made;
}

/* One call's work, shared by the threads. */
struct job {
    const cn_inference *inference;
    size_t nthread;
    const cinch_data *data;
    const cn_scaler *scale, *invert; /* of the input; of the output, NULL: as it comes */
    size_t first, nrow, width;       /* width: of a result's row */
    float *results;
};

static void run_share(void *arg, size_t thread)
{
    const struct job *job = arg;
    size_t first, count, stride, most = cn_inference_rows(job->inference);
    cn_threads_share(job->nrow, most, job->nthread, thread, &first, &count);
    float *input = cn_inference_input(job->inference, thread, &stride);
    for (size_t end = first + count; first < end; first += most) {
        size_t rows = end - first < most ? end - first : most;
        cn_data_gather(job->data, job->scale, NULL, job->first + first, rows, stride, sizeof(float), input);
        const float *output = cn_inference_run(job->inference, thread, rows, &stride);
        float *results = job->results + first * job->width;
        if (job->invert)
            cn_scaler_invert(job->invert, rows, output, stride, job->nrow * job->width > FAR_REALS, results);
        for (size_t r = 0; r < rows && !job->invert; r++)
            memcpy(results + r * job->width, output + r * stride, job->width * sizeof *results);
    }
}

static cinch_status check_rows(const cinch_runner *runner, const cinch_data *data, size_t first, size_t nrow,
                               size_t wanted, bool codes, cinch_error *error)
{
    size_t rows = cinch_data_rows(data);
    if (first > rows || nrow > rows - first)
        return cn_fail(error, CINCH_USAGE, "rows %zu to %zu were asked for; the data has %zu", first,
                       first + nrow, rows);
    if (data->features != wanted)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: its rows have %zu values, the model's %s %zu",
                       data->source, data->features, codes ? "codes" : "rows", wanted);
    return cn_data_check(data, first, nrow, !codes && runner->model->scaler.fill, error);
}

static cinch_status run_task(cinch_runner *runner, size_t task, const cinch_data *data, size_t first,
                             size_t nrow, float *results, cinch_error *error)
{
    const cinch_model *model = runner->model;
    size_t code = cn_shape_size(model->code), row = cn_shape_size(model->input);
    cinch_status status =
        check_rows(runner, data, first, nrow, task == DECODE ? code : row, task == DECODE, error);
    if (status)
        return status;
    cinch_error own = {0};
    cn_threads *threads = threads_for(runner, nrow, &own);
    cn_inference *inference = threads ? inference_for(runner, task, cn_threads_count(threads), &own) : NULL;
    if (!inference || cn_inference_prepare(inference, nrow, &own))
        return cn_fail(error, own.status, "%s", own.message);
    struct job job = {.inference = inference,
                      .nthread = cn_threads_count(threads),
                      .data = data,
                      .scale = task == DECODE ? &runner->none : &model->scaler,
                      .invert = task == ENCODE ? NULL : &model->scaler,
                      .first = first,
                      .nrow = nrow,
                      .width = task == ENCODE ? code : row,
                      .results = results};
    cn_threads_run(threads, run_share, &job);
    return CINCH_OK;
}

cinch_status cinch_runner_encode(cinch_runner *runner, const cinch_data *data, size_t first, size_t nrow,
                                 float *codes, cinch_error *error)
{
    return run_task(runner, ENCODE, data, first, nrow, codes, error);
}

cinch_status cinch_runner_decode(cinch_runner *runner, const cinch_data *codes, size_t first, size_t nrow,
                                 float *rows, cinch_error *error)
{
    return run_task(runner, DECODE, codes, first, nrow, rows, error);
}

cinch_status cinch_runner_reconstruct(cinch_runner *runner, const cinch_data *data, size_t first, size_t nrow,
                                      float *rows, cinch_error *error)
{
    return run_task(runner, RECONSTRUCT, data, first, nrow, rows, error);
}

static cinch_status decode_codes(cinch_runner *runner, const float *codes, size_t nrow, float *rows,
                                 cinch_error *error)
{
    cinch_shape shape = {.rank = 2, .sizes = {nrow, cn_shape_size(runner->model->code)}};
    cinch_data *data = cinch_data_view(CINCH_F32, shape, codes, error);
    cinch_status status = data ? run_task(runner, DECODE, data, 0, nrow, rows, error) : CINCH_MEMORY;
    cinch_data_free(data);
    return status;
}

cinch_status cinch_runner_generate(cinch_runner *runner, uint64_t seed, size_t first, size_t nrow,
                                   float *rows, cinch_error *error)
{
    size_t width = cn_shape_size(runner->model->code), features = cn_shape_size(runner->model->input);
    size_t most = nrow < GENERATED_AT_A_TIME ? nrow : GENERATED_AT_A_TIME;
    cinch_status status = cn_codes_check(runner->model, error);
    if (status || !nrow)
        return status;
    float *codes = cn_new(most * width, sizeof *codes, error);
    if (!codes)
        return CINCH_MEMORY;
    for (size_t done = 0; done < nrow && !status; done += most) {
        size_t count = nrow - done < most ? nrow - done : most;
        cinch_codes_draw(seed, first + done, count, width, codes);
        status = decode_codes(runner, codes, count, rows + done * features, error);
    }
    cn_free(codes);
    return status;
}

/* ---- With the training's own layers: scores and noise -------------------------------------------------- */

static cinch_status prepare_scores(cinch_runner *runner, cinch_error *error)
{
    const cinch_model *model = runner->model;
    if (runner->evaluator)
        return CINCH_OK;
    cinch_error own = {0};
    cn_threads *threads = threads_for(runner, SIZE_MAX, &own);
    if (!threads)
        return cn_fail(error, own.status, "%s", own.message);
    if (!runner->weights) {
        cinch_status status = cn_objective_new(&runner->objective, model->recipe, model, error);
        if (!status)
            status = cn_objective_score(&runner->objective, model, error);
        if (!status && !(runner->weights = cn_weights_new(model, runner->kernels, false, 0, error)))
            status = CINCH_MEMORY;
        if (status) {
            cn_objective_clear(&runner->objective);
            return status;
        }
    }
    runner->evaluator =
        cn_evaluator_new(model, runner->weights, &runner->objective, threads, SCORED_AT_A_TIME, error);
    return runner->evaluator ? CINCH_OK : CINCH_MEMORY;
}

/* The mean loss of a row's features, or what a row costs in nats. */
static double score_of(const cinch_runner *runner, size_t row)
{
    double features = (double)cn_shape_size(runner->model->input);
    double loss = cn_evaluator_values(runner->evaluator)[row];
    double penalty = cn_evaluator_penalties(runner->evaluator)[row];
    return runner->objective.penalties.count ? loss + penalty * features : loss / features;
}

cinch_status cinch_runner_reconstruct_noisy(cinch_runner *runner, const cinch_data *data, size_t first,
                                            size_t nrow, float *noisy, float *rows, cinch_error *error)
{
    size_t features = cn_shape_size(runner->model->input);
    uint64_t seed = cn_recipe_value(runner->model->recipe, CN_SEED).count;
    cinch_status status = check_rows(runner, data, first, nrow, features, false, error);
    if (status || (status = prepare_scores(runner, error)))
        return status;
    for (size_t done = 0; done < nrow; done += SCORED_AT_A_TIME) {
        size_t count = nrow - done < SCORED_AT_A_TIME ? nrow - done : SCORED_AT_A_TIME;
        cn_evaluate_noisy(runner->evaluator, data, first + done, count, seed,
                          noisy ? noisy + done * features : NULL, rows + done * features);
    }
    return CINCH_OK;
}

cinch_status cinch_runner_score(cinch_runner *runner, const cinch_data *data, size_t first, size_t nrow,
                                bool noise, double *scores, cinch_error *error)
{
    size_t features = cn_shape_size(runner->model->input);
    uint64_t seed = cn_recipe_value(runner->model->recipe, CN_SEED).count;
    cinch_status status = check_rows(runner, data, first, nrow, features, false, error);
    if (status || (status = prepare_scores(runner, error)) ||
        (status = cn_check_targets(&runner->objective, runner->model, data, first, nrow, error)))
        return status;
    for (size_t done = 0; done < nrow; done += SCORED_AT_A_TIME) {
        size_t rows = nrow - done < SCORED_AT_A_TIME ? nrow - done : SCORED_AT_A_TIME;
        cn_evaluate(runner->evaluator, data, first + done, rows, seed, noise);
        for (size_t r = 0; r < rows; r++)
            scores[done + r] = score_of(runner, r);
    }
    return CINCH_OK;
}
