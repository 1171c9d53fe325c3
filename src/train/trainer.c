#include "train/trainer.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"

/* ---- Making -------------------------------------------------------------------------------------------- */

/* `limit` first, then validation takes the last n - floor(n (1 - share)) rows of what is left. */
static cinch_status split_rows(cinch_trainer *trainer, cinch_error *error)
{
    size_t n = cinch_data_rows(trainer->data), limit = cn_recipe_value(trainer->recipe, CN_LIMIT).count;
    if (limit && limit < n)
        n = limit;
    double share = cn_recipe_value(trainer->recipe, CN_VALIDATION).number;
    trainer->rows = (size_t)floor((double)n * (1 - share));
    trainer->validation_rows = n - trainer->rows;
    trainer->checksum = cn_data_checksum(trainer->data, n);
    if (!trainer->rows)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: no rows are left to train on (%zu rows, validation %g)",
                       trainer->data->source, n, share);
    return CINCH_OK;
}

static cinch_status take_settings(cinch_trainer *trainer, cinch_error *error)
{
    size_t batch = cn_recipe_value(trainer->recipe, CN_BATCH).count;
    size_t keep = cn_recipe_value(trainer->recipe, CN_KEEP).word;
    trainer->batch = batch < trainer->rows ? batch : trainer->rows;
    trainer->epochs = cn_recipe_value(trainer->recipe, CN_EPOCHS).count;
    trainer->patience = cn_recipe_value(trainer->recipe, CN_PATIENCE).count;
    trainer->seed = cn_recipe_value(trainer->recipe, CN_SEED).count;
    trainer->shuffle = cn_recipe_value(trainer->recipe, CN_SHUFFLE).flag;
    trainer->keep_best = keep == CN_KEEP_BEST || (keep == CN_KEEP_AUTO && trainer->validation_rows);
    trainer->best_loss = INFINITY;
    if (!trainer->validation_rows && (keep == CN_KEEP_BEST || trainer->patience))
        return cn_recipe_blame(trainer->recipe, trainer->patience ? CN_PATIENCE : CN_KEEP,
                               cn_fail(error, CINCH_USAGE,
                                       "needs validation rows: give a share, as in "
                                       "--validation 0.1"),
                               error);
    return CINCH_OK;
}

/* The net, its scaler fitted on the training rows, and its starting weights. */
static cinch_status make_model(cinch_trainer *trainer, cinch_error *error)
{
    cinch_shape shape = trainer->data->array.shape, row = {.rank = shape.rank - 1};
    memcpy(row.sizes, shape.sizes + 1, row.rank * sizeof *row.sizes);
    if (row.rank <= 1)
        row = cn_shape_flat(trainer->data->features);
    if (!(trainer->model = cn_model_new(trainer->recipe, row, SIZE_MAX, error)))
        return CINCH_FAILED;
    cn_text input = {0};
    cn_shape_print(trainer->model->input, &input);
    char *text = cn_text_take(&input, error);
    cinch_status status =
        text ? cinch_recipe_set(trainer->model->recipe, "input", text, error) : CINCH_MEMORY;
    cn_free(text);
    if (status)
        return status;

    if (cinch_model_nchosen(trainer->model) &&
        (status = cn_model_name_columns(trainer->model, trainer->data->array.columns, error)))
        return status;
    bool mean = cn_recipe_value(trainer->recipe, CN_MISSING).word == CN_MISSING_MEAN;
    size_t all = trainer->rows + trainer->validation_rows;
    cn_scaler scaler = {0};
    if ((status = cn_data_check(trainer->data, 0, all, mean, error)) ||
        (status = cn_scaler_fit(&scaler, (cn_scale)cn_recipe_value(trainer->recipe, CN_SCALE_KEY).word,
                                trainer->data, trainer->rows, mean, error)))
        return status;
    if ((status = cn_model_set_scaler(trainer->model, &scaler, error))) {
        cn_scaler_clear(&scaler);
        return status;
    }
    char *path = cn_recipe_path(trainer->recipe, CN_INIT_FROM, error);
    status = path ? cn_model_init(trainer->model, path, error) : CINCH_FAILED;
    cn_free(path);
    return status;
}

static cinch_status make_objective(cinch_trainer *trainer, cinch_error *error)
{
    cinch_status status = cn_objective_new(&trainer->objective, trainer->recipe, trainer->model, error);
    if (status)
        return status;
    status = cn_spec_parse(cn_recipe_text(trainer->recipe, CN_OPTIMIZER), "optimizer",
                           (const cn_part *const *)cn_optimizers, &trainer->optimizer, error);
    return cn_recipe_blame(trainer->recipe, CN_OPTIMIZER, status, error);
}

static size_t tile_work(const cinch_trainer *trainer, size_t tile)
{
    const cn_tile *of = &trainer->weights->tiles[tile];
    return of->count * trainer->model->parameters[of->parameter].work;
}

/* Cuts the list of tiles into parts of about equal work, one for each thread. */
static void share_work(cinch_trainer *trainer)
{
    const cn_weights *weights = trainer->weights;
    size_t nthread = cn_threads_count(trainer->threads), total = 0, done = 0, tile = 0;
    for (size_t t = 0; t < weights->ntile; t++) {
        trainer->tiles[t] = t;
        total += tile_work(trainer, t);
    }
    for (size_t thread = 0; thread < nthread; thread++) {
        trainer->first_tile[thread] = tile;
        double end = (double)total * (double)(thread + 1) / (double)nthread;
        while (tile < weights->ntile && (double)done + (double)tile_work(trainer, tile) / 2 <= end)
            done += tile_work(trainer, tile++);
    }
    trainer->first_tile[nthread] = weights->ntile;
}

/* Where threads share out a layer's units, each has the tiles of its own: so it alone writes the weights that
 * it reads on the way forward. */
static void share_units(cinch_trainer *trainer)
{
    const cn_weights *weights = trainer->weights;
    size_t nthread = cn_threads_count(trainer->threads), done = 0;
    for (size_t thread = 0; thread < nthread; thread++) {
        trainer->first_tile[thread] = done;
        for (size_t t = 0; t < weights->ntile; t++) {
            const cn_tile *tile = &weights->tiles[t];
            const cn_packed *packed = &weights->packed[tile->parameter];
            bool matrix = packed->packing != CN_PACK_VECTOR;
            size_t unit = matrix ? tile->panel * CN_PANEL : tile->first, first, count;
            cn_threads_share(matrix ? packed->matrix.out : packed->nreal, CN_PANEL, nthread, thread, &first,
                             &count);
            if (unit >= first && unit < first + count)
                trainer->tiles[done++] = t;
        }
    }
    trainer->first_tile[nthread] = done;
}

static cinch_status make_engine(cinch_trainer *trainer, cinch_error *error)
{
    const cn_optimizer *optimizer = cn_trainer_optimizer(trainer);
    size_t nslot = 0;
    while (nslot < CN_MAX_SLOTS && optimizer->slots[nslot])
        nslot++;
    if (!(trainer->kernels = cn_kernels_choose(error)) ||
        !(trainer->threads = cn_threads_new(cn_recipe_value(trainer->recipe, CN_THREADS).count, error)) ||
        !(trainer->weights = cn_weights_new(trainer->model, trainer->kernels, true, nslot, error)) ||
        !(trainer->plan = cn_plan_new(trainer->model, trainer->weights, &trainer->objective, trainer->batch,
                                      cn_threads_count(trainer->threads), true, error)))
        return CINCH_FAILED;
    if (trainer->plan->bundles && !trainer->shuffle && trainer->batch == trainer->rows &&
        cn_bundles_keep(trainer->plan->bundles, trainer->rows, error))
        return CINCH_MEMORY;
    if (trainer->validation_rows &&
        !(trainer->validator = cn_evaluator_new(trainer->model, trainer->weights, &trainer->objective,
                                                trainer->threads, trainer->validation_rows, error)))
        return CINCH_FAILED;
    trainer->order = cn_new(trainer->rows, sizeof *trainer->order, error);
    trainer->first_tile = cn_new(cn_threads_count(trainer->threads) + 1, sizeof *trainer->first_tile, error);
    trainer->tile_penalties = cn_new(trainer->weights->ntile, sizeof *trainer->tile_penalties, error);
    trainer->gradients = cn_new(cn_threads_count(trainer->threads) * CN_TILE_PANELS * CN_TILE_REALS,
                                trainer->kernels->real_size, error);
    trainer->tiles = cn_new(trainer->weights->ntile, sizeof *trainer->tiles, error);
    if (!trainer->order || !trainer->first_tile || !trainer->tiles || !trainer->tile_penalties ||
        !trainer->gradients)
        return CINCH_MEMORY;
    if (cn_plan_goes_together(trainer->plan, trainer->batch, cn_threads_count(trainer->threads)))
        share_units(trainer);
    else
        share_work(trainer);
    if (trainer->keep_best &&
        !(trainer->best = cn_new(trainer->model->nparameter, sizeof *trainer->best, error)))
        return CINCH_MEMORY;
    for (size_t p = 0; trainer->best && p < trainer->model->nparameter; p++)
        if (!(trainer->best[p] = cn_new(trainer->model->parameters[p].count, sizeof(float), error)))
            return CINCH_MEMORY;
    return CINCH_OK;
}

cinch_trainer *cinch_trainer_new(const cinch_recipe *recipe, const cinch_data *train, cinch_error *error)
{
    cinch_trainer *trainer = cn_new(1, sizeof *trainer, error);
    if (!trainer)
        return NULL;
    trainer->data = train;
    trainer->recipe = cn_recipe_copy(recipe, error);
    trainer->history_text = cn_new(1, sizeof *trainer->history_text, error);
    if (!trainer->recipe || !trainer->history_text || split_rows(trainer, error) ||
        take_settings(trainer, error) || make_model(trainer, error) || make_objective(trainer, error) ||
        cn_check_targets(&trainer->objective, trainer->model, train, 0,
                         trainer->rows + trainer->validation_rows, error) ||
        make_engine(trainer, error)) {
        cinch_trainer_free(trainer);
        return NULL;
    }
    return trainer;
}

void cinch_trainer_free(cinch_trainer *trainer)
{
    if (!trainer)
        return;
    cn_evaluator_free(trainer->validator);
    cn_plan_free(trainer->plan);
    cn_weights_free(trainer->weights);
    cn_threads_free(trainer->threads);
    for (size_t p = 0; trainer->best && p < trainer->model->nparameter; p++)
        cn_free(trainer->best[p]);
    cn_free(trainer->best);
    cn_free(trainer->order);
    cn_free(trainer->first_tile);
    cn_free(trainer->tiles);
    cn_free(trainer->tile_penalties);
    cn_free(trainer->gradients);
    cn_free(trainer->history);
    if (trainer->history_text)
        cn_history_text_clear(trainer->history_text);
    cn_free(trainer->history_text);
    cn_objective_clear(&trainer->objective);
    cn_spec_clear(&trainer->optimizer);
    cinch_model_free(trainer->model);
    cinch_recipe_free(trainer->recipe);
    cn_free(trainer);
}

/* ---- Steps: what every thread runs --------------------------------------------------------------------- */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* The thread's rows of the batch: gathered, forward, backward. Where a penalty is of the codes' batch means,
 * every row must have its code before the first goes back: the threads meet twice on the way. */
static void pass_rows(const cinch_trainer *trainer, const cn_step *step, const size_t *order, size_t batch,
                      size_t thread)
{
    const cn_plan *plan = trainer->plan;
    size_t first, count, nthread = cn_threads_count(trainer->threads);
    if (cn_plan_goes_together(plan, batch, nthread)) {
        cn_plan_carry_together(plan, step, trainer->threads, trainer->data, order, batch);
        return;
    }
    cn_plan_share(plan, batch, nthread, thread, &first, &count);
    if (!plan->means) {
        cn_plan_carry(plan, step, trainer->data, order, batch, first, count);
        return;
    }
    const cn_flow *code = &plan->flows[plan->model->nencoder - 1];
    size_t first_unit, nunit;
    cn_plan_gather(plan, step, trainer->data, order + first, 0, count, first);
    cn_plan_encode(plan, step, first, count);
    cn_threads_barrier(trainer->threads);
    cn_threads_share(cn_shape_size(plan->model->code), CN_PANEL, nthread, thread, &first_unit, &nunit);
    cn_plan_means(plan, code->y, batch, code->y_stride, batch, first_unit, nunit);
    cn_threads_barrier(trainer->threads);
    cn_plan_pass(plan, step, batch, first, first, count);
}

/* A shuffled row is far from the one before it: the thread's first rows of the next batch are asked for while
 * the threads meet. */
static void fetch_rows(const cinch_trainer *trainer, size_t row, size_t batch, size_t thread)
{
    enum { MOST = 16 };
    size_t first, count, left = trainer->rows - row, next = left < batch ? left : batch;
    if (!trainer->shuffle || !next)
        return;
    cn_plan_part(trainer->plan, next, cn_threads_count(trainer->threads), thread, &first, &count);
    cn_data_fetch(trainer->data, trainer->order + row + first, count < MOST ? count : MOST);
}

/* One tile, its gradient at hand: penalties, update, and the transposed copy. */
static void update_tile(cinch_trainer *trainer, const cn_step *step, const double *constants, size_t t,
                        void *gradient)
{
    cn_weights *weights = trainer->weights;
    const cn_tile *tile = &weights->tiles[t];
    cn_packed *packed = &weights->packed[tile->parameter];
    void *slots[CN_MAX_SLOTS] = {NULL};
    for (size_t s = 0; s < weights->nslot; s++)
        slots[s] = cn_tile_reals(weights, tile, weights->slots[tile->parameter * weights->nslot + s]);
    trainer->tile_penalties[t] =
        cn_weights_penalty(weights, trainer->model, &trainer->objective.penalties, tile, gradient);
    cn_trainer_optimizer(trainer)->update[cn_precision(step)](
        constants, cn_tile_reals(weights, tile, packed->reals), gradient, slots, tile->count);
    if (packed->matrix.transposed)
        weights->kernels->transpose_tile(&packed->matrix, tile->panel, tile->row, tile->nrow);
}

/* Whether the tile behind this one in a thread's list is of the next panel and the same rows: then the
 * gradients of both are had in one. */
static bool goes_on(const cinch_trainer *trainer, size_t i, size_t thread)
{
    const cn_weights *weights = trainer->weights;
    if (i + 1 == trainer->first_tile[thread + 1] || trainer->plan->bundles)
        return false;
    const cn_tile *tile = &weights->tiles[trainer->tiles[i]], *next = &weights->tiles[trainer->tiles[i + 1]];
    return weights->packed[tile->parameter].packing != CN_PACK_VECTOR && next->parameter == tile->parameter &&
           next->row == tile->row && next->panel == tile->panel + 1;
}

/* The tiles from this one on in a thread's list that are of the next panels and the same rows: their gradients are
 * had in one. Not so that a single one is left. */
static size_t panels_at_once(const cinch_trainer *trainer, size_t i, size_t thread)
{
    size_t count = 1;
    while (count < CN_TILE_PANELS + 2 && goes_on(trainer, i + count - 1, thread))
        count++;
    return count <= CN_TILE_PANELS       ? count
           : count == CN_TILE_PANELS + 1 ? CN_TILE_PANELS - 1
                                         : CN_TILE_PANELS;
}

/* The thread's tiles: gradient over the whole batch, and what is done with it. */
static void update_tiles(cinch_trainer *trainer, const cn_step *step, size_t batch, size_t update,
                         size_t thread)
{
    const cn_weights *weights = trainer->weights;
    void *gradient =
        (char *)trainer->gradients + thread * CN_TILE_PANELS * CN_TILE_REALS * weights->kernels->real_size;
    double constants[CN_MAX_CONSTANTS];
    cn_trainer_optimizer(trainer)->constants(&trainer->optimizer, (double)update, constants);
    for (size_t i = trainer->first_tile[thread], end = trainer->first_tile[thread + 1]; i < end;) {
        cn_tile tile = weights->tiles[trainer->tiles[i]];
        tile.npanel = panels_at_once(trainer, i, thread);
        cn_plan_gradient(trainer->plan, step, batch, &tile, gradient);
        for (size_t p = 0; p < tile.npanel; p++, i++)
            update_tile(trainer, step, constants, trainer->tiles[i],
                        cn_row(step, gradient, CN_PANEL, p * tile.nrow));
    }
}

/* Thread 0, while the rows' losses stand: adds them up, and says whether to leave the loop after this
 * step. */
static void account_rows(cinch_trainer *trainer, size_t batch)
{
    double reconstruction = cn_plan_reconstruction(trainer->plan, batch);
    double loss = reconstruction + cn_plan_code_penalty(trainer->plan, batch);
    trainer->reconstruction_sum += reconstruction * (double)batch;
    trainer->loss_sum += loss * (double)batch;
    trainer->diverged = !isfinite(loss);
    trainer->pause = trainer->diverged || now() >= trainer->next_call;
}

/* Thread 0, once all tiles' penalties stand. */
static void account_tiles(cinch_trainer *trainer, size_t batch)
{
    double penalty = 0;
    for (size_t t = 0; t < trainer->weights->ntile; t++)
        penalty += trainer->tile_penalties[t];
    trainer->loss_sum += penalty * (double)batch;
}

/* Steps to the epoch's end or to a pause. Two barriers end a step: after the first all rows are through,
 * after the second all parameters are updated. What thread 0 writes between them the others read after the
 * second. At the epoch's end the threads part, which is as good as the second. */
static void run_steps(void *arg, size_t thread)
{
    cinch_trainer *trainer = arg;
    size_t row = trainer->row, update = trainer->updates;
    do {
        size_t batch = trainer->rows - row < trainer->batch ? trainer->rows - row : trainer->batch;
        cn_step step = {.kernels = trainer->kernels,
                        .training = true,
                        .seed = trainer->seed,
                        .epoch = trainer->epoch,
                        .epochs = trainer->epochs};
        cn_plan_enter(trainer->plan, &step, thread);
        pass_rows(trainer, &step, trainer->order + row, batch, thread);
        fetch_rows(trainer, row + batch, batch, thread);
        cn_threads_barrier(trainer->threads);
        if (thread == 0)
            account_rows(trainer, batch);
        update_tiles(trainer, &step, batch, ++update, thread);
        row += batch;
        if (row == trainer->rows)
            break;
        cn_threads_barrier(trainer->threads);
        if (thread == 0)
            account_tiles(trainer, batch);
    } while (!trainer->pause);
    if (thread == 0) {
        trainer->row = row;
        trainer->updates = update;
    }
}

/* ---- Epochs -------------------------------------------------------------------------------------------- */

bool cn_trainer_finished(const cinch_trainer *trainer)
{
    return trainer->epoch >= trainer->epochs ||
           (trainer->patience && trainer->epoch > trainer->best_epoch + trainer->patience);
}

static void order_rows(cinch_trainer *trainer)
{
    if (trainer->shuffle)
        cn_random_shuffle(trainer->seed, trainer->epoch, trainer->order, trainer->rows);
    else
        for (size_t r = 0; trainer->order[trainer->rows - 1] == 0 && r < trainer->rows; r++)
            trainer->order[r] = r;
}

static cinch_status diverged(const cinch_trainer *trainer, cinch_error *error)
{
    return cn_fail(error, CINCH_DIVERGED,
                   "epoch %zu, row %zu: the loss is not finite: a smaller learning rate may "
                   "help (optimizer = %s lr=...)",
                   trainer->epoch, trainer->row, cn_trainer_optimizer(trainer)->part.name);
}

cinch_status cn_trainer_reserve(cinch_trainer *trainer, size_t nepoch, cinch_error *error)
{
    if (nepoch <= trainer->history_room)
        return CINCH_OK;
    size_t room = 2 * nepoch;
    cinch_epoch *history = cn_resize(trainer->history, room, sizeof *history, error);
    if (!history)
        return CINCH_MEMORY;
    trainer->history = history;
    trainer->history_room = room;
    return CINCH_OK;
}

/* What the clock tells, and no digits behind it. */
static double nearest_nanosecond(double seconds)
{
    return round(seconds * 1e9) / 1e9;
}

static cinch_status end_epoch(cinch_trainer *trainer, cinch_error *error)
{
    double rows = (double)trainer->rows;
    cinch_epoch *epoch = &trainer->history[trainer->epoch];
    *epoch = (cinch_epoch){.train_loss = trainer->loss_sum / rows,
                           .seconds = nearest_nanosecond(trainer->seconds),
                           .train_reconstruction = trainer->reconstruction_sum / rows,
                           .validation_loss = NAN};
    if (trainer->validator)
        epoch->validation_loss = cn_evaluate(trainer->validator, trainer->data, trainer->rows,
                                             trainer->validation_rows, trainer->seed, false)
                                     .loss;
    if (!isfinite(epoch->train_loss) || (trainer->validator && !isfinite(epoch->validation_loss)))
        return diverged(trainer, error);
    if (!trainer->validator || epoch->validation_loss < trainer->best_loss) {
        trainer->best_epoch = trainer->epoch;
        trainer->best_loss = trainer->validator ? epoch->validation_loss : INFINITY;
        for (size_t p = 0; trainer->best && p < trainer->model->nparameter; p++)
            cn_weights_unpack(trainer->weights, trainer->model, p, trainer->weights->packed[p].reals,
                              trainer->best[p]);
    }
    trainer->epoch++;
    trainer->row = 0;
    trainer->loss_sum = trainer->reconstruction_sum = trainer->seconds = 0;
    return CINCH_OK;
}

static bool call_back(cinch_trainer *trainer, cinch_callback *callback, void *user, bool ended)
{
    if (!callback)
        return true;
    double spent = trainer->seconds, done = (double)trainer->row;
    if (ended) {
        spent = trainer->history[trainer->epoch - 1].seconds;
        done = (double)trainer->rows;
    }
    double rate = spent > 0 ? done / spent : 0;
    double left = (double)(trainer->epochs - trainer->epoch) * (double)trainer->rows - (double)trainer->row;
    cinch_progress progress = {.epoch = trainer->epoch - ended,
                               .epochs = trainer->epochs,
                               .row = ended ? trainer->rows : trainer->row,
                               .rows = trainer->rows,
                               .rows_per_second = rate,
                               .seconds_left = rate > 0 ? left / rate : 0,
                               .loss = ended ? trainer->history[trainer->epoch - 1].train_loss
                                             : trainer->loss_sum / done,
                               .ended = ended ? &trainer->history[trainer->epoch - 1] : NULL};
    bool go_on = callback(&progress, user);
    trainer->next_call = now() + 0.1;
    return go_on;
}

cinch_status cinch_trainer_run(cinch_trainer *trainer, cinch_callback *callback, void *user,
                               cinch_error *error)
{
    trainer->next_call = callback ? now() + 0.1 : INFINITY;
    bool ordered = false;
    while (!cn_trainer_finished(trainer)) {
        cinch_status status = cn_trainer_reserve(trainer, trainer->epoch + 1, error);
        if (status)
            return status;
        double start = now();
        if (!ordered)
            order_rows(trainer);
        cn_threads_run(trainer->threads, run_steps, trainer);
        if (trainer->row == trainer->rows)
            account_tiles(trainer, (trainer->rows - 1) % trainer->batch + 1);
        trainer->seconds += now() - start;
        if (trainer->diverged)
            return diverged(trainer, error);
        bool ended = trainer->row == trainer->rows;
        ordered = !ended;
        status = ended ? end_epoch(trainer, error) : CINCH_OK;
        if (status)
            return status;
        if (!call_back(trainer, callback, user, ended) && !cn_trainer_finished(trainer))
            return cn_fail(error, CINCH_STOPPED, "stopped in epoch %zu", trainer->epoch);
    }
    return CINCH_OK;
}

/* ---- Results ------------------------------------------------------------------------------------------- */

const cn_history_text *cn_trainer_history_text(const cinch_trainer *trainer, cinch_error *error)
{
    cn_history_text *text = trainer->history_text;
    bool validated = trainer->validator;
    return cn_history_text_follow(text, trainer->history, trainer->epoch, validated, error) ? NULL : text;
}

char *cn_trainer_history(const cinch_trainer *trainer, bool seconds, cinch_error *error)
{
    const cn_history_text *text = cn_trainer_history_text(trainer, error);
    return text ? cn_copy_text(seconds ? text->timed.chars : text->plain.chars, error) : NULL;
}

cinch_model *cinch_trainer_model(const cinch_trainer *trainer, cinch_error *error)
{
    cinch_model *model = cn_model_copy(trainer->model, error);
    char *history = model ? cn_trainer_history(trainer, false, error) : NULL;
    if (!history || cn_model_set_history(model, history, error)) {
        cinch_model_free(model);
        cn_free(history);
        return NULL;
    }
    cn_free(history);
    cn_weights_store(trainer->weights, model);
    for (size_t p = 0; trainer->best && trainer->epoch && p < model->nparameter; p++)
        memcpy(model->parameters[p].values, trainer->best[p], model->parameters[p].count * sizeof(float));
    return model;
}

size_t cinch_trainer_nepoch(const cinch_trainer *trainer)
{
    return trainer->epoch;
}

cinch_epoch cinch_trainer_epoch(const cinch_trainer *trainer, size_t epoch)
{
    return trainer->history[epoch];
}
