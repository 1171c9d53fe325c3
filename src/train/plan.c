/* Making a plan: what neighbours do in one, how many rows go at a time, every buffer. pass.c runs it. */
#include "train/plan.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "model/image.h"

/* ---- Buffers of the passes ----------------------------------------------------------------------------- */

/* A buffer of rows*stride reals, the product checked. */
static void *new_rows(const cn_plan *plan, size_t rows, size_t stride, cinch_error *error)
{
    size_t count;
    if (!cn_multiply(rows, stride, &count)) {
        cn_fail(error, CINCH_MEMORY, "a batch of %zu rows is too large", rows);
        return NULL;
    }
    return cn_new(count, plan->weights->kernels->real_size, error);
}

static void *new_buffer(const cn_plan *plan, size_t stride, cinch_error *error)
{
    return new_rows(plan, plan->rows, stride, error);
}

static bool has_rows(const cinch_model *model)
{
    for (size_t i = 0; i < model->nnode; i++)
        if (model->nodes[i].nparameter && model->nodes[i].layer->by_rows)
            return true;
    return false;
}

static bool has_windows(const cinch_model *model)
{
    for (size_t p = 0; p < model->nparameter; p++)
        if (model->parameters[p].packing == CN_PACK_WINDOWS)
            return true;
    return false;
}

/* Whether gradients are summed while the rows go by, where a layer would have it so. Of many weights and few
 * rows they are not: threads that share out the weights have more to share than blocks of rows, and no sums
 * of all weights are written for each block. */
static bool goes_by_rows(const cn_plan *plan)
{
    enum { FEW_ROWS = 64 };
    return plan->images && !(has_windows(plan->model) && plan->backward && plan->batch <= FEW_ROWS);
}

/* Decides what neighbours do in one. The code stays as it is: it must come out. A folded weight's gradient is
 * had whole or not at all. */
static void fuse(cn_plan *plan)
{
    for (size_t i = 0; i < plan->model->nnode; i++)
        plan->nodes[i].idle = plan->nodes[i].layer->renames;
    for (size_t i = 0; i + 1 < plan->model->nnode; i++) {
        cn_node *node = &plan->nodes[i], *next = node + 1;
        size_t repeat = node->layer->repeats ? node->layer->repeats(node) : 1;
        size_t pool = next->layer->pools ? next->layer->pools(next) : 1;
        if (i + 1 == plan->model->nencoder)
            continue;
        if (repeat > 1 && plan->by_rows && next->layer->fuses && next->layer->fuses(next, repeat, 1)) {
            next->repeat = repeat;
            node->idle = true;
        }
        if (pool > 1 && node->layer->fuses &&
            node->layer->fuses(node, node->repeat ? node->repeat : 1, pool)) {
            node->pool = pool;
            next->idle = true;
        }
    }
}

/* A row of what comes out of a node, padded: of one that pools too, the pool's. */
static size_t output_stride(const cn_node *node)
{
    return cn_stride(cn_shape_size(node->pool > 1 ? node[1].output : node->output));
}

/* An idle node's flow begins where it ends: of one that repeats with the values before it, of one that pools
 * with those behind it. */
static cinch_status new_flow(cn_plan *plan, size_t place, cinch_error *error)
{
    const cn_node *node = &plan->nodes[place];
    cn_flow *flow = &plan->flows[place];
    size_t kept = node->layer->kept && !node->idle ? node->layer->kept(node) : 0;
    flow->x = place ? flow[-1].y : plan->input;
    flow->x_stride = place ? flow[-1].y_stride : plan->stride;
    if (node->idle) {
        flow->y = (void *)flow->x;
        flow->y_stride = flow->x_stride;
        flow->dy = place ? flow[-1].dy : NULL;
        flow->dx = place ? flow[-1].dx : NULL;
        return CINCH_OK;
    }
    flow->y_stride = output_stride(node);
    flow->kept_stride = cn_stride(kept);
    flow->logits = place == cn_last_node(plan->model) && cn_objective_loss(plan->objective)->logits;
    for (size_t i = 0; i < node->nparameter; i++)
        flow->parameters[i] = &plan->weights->packed[node->parameters[i]];
    if (!(flow->y = new_buffer(plan, flow->y_stride, error)) ||
        (kept && !(flow->kept = new_buffer(plan, flow->kept_stride, error))))
        return CINCH_MEMORY;
    size_t first = cn_first_trained(plan->model);
    if (!plan->backward || place < first)
        return CINCH_OK;
    if (place > first)
        flow->dx = flow[-1].dy;
    return (flow->dy = new_buffer(plan, flow->y_stride, error)) ? CINCH_OK : CINCH_MEMORY;
}

/* ---- What is summed by rows, and what is kept of a batch ----------------------------------------------- */

/* Whether threads can carry a few rows at a time through buffers of their own, where some gradients go by
 * rows: the others have what they want kept, and no penalty may want the whole batch. */
static bool can_be_local(const cn_objective *objective)
{
    for (size_t i = 0; i < objective->penalties.count; i++) {
        const cn_penalty *penalty = cn_penalty_of(&objective->penalties.specs[i]);
        if (penalty->means || penalty->gradient)
            return false;
    }
    return true;
}

static cinch_status new_blocks(cn_plan *plan, size_t nthread, cinch_error *error)
{
    const cinch_model *model = plan->model;
    size_t count = 0;
    if (!(plan->block_place = cn_new(model->nparameter, sizeof *plan->block_place, error)))
        return CINCH_MEMORY;
    for (size_t p = 0; p < model->nparameter; p++)
        plan->block_place[p] = SIZE_MAX;
    for (const cn_node *node = model->nodes; node < model->nodes + model->nnode; node++)
        for (size_t i = 0; plan->by_rows && node->layer->by_rows && i < node->nparameter; i++) {
            plan->block_place[node->parameters[i]] = count;
            count += plan->weights->packed[node->parameters[i]].nreal;
        }
    if (!count || !plan->backward)
        return CINCH_OK;
    plan->blocks = cn_blocks_new(plan->weights->kernels, count, plan->batch, nthread, error);
    return plan->blocks ? CINCH_OK : CINCH_MEMORY;
}

static void *new_batch_buffer(const cn_plan *plan, size_t stride, cinch_error *error)
{
    return new_rows(plan, plan->batch, stride, error);
}

static cinch_status keep_batch(cn_plan *plan, cinch_error *error)
{
    plan->batch_flows = plan->flows;
    plan->batch_values = plan->values;
    plan->batch_penalties = plan->penalties;
    if (!plan->local)
        return CINCH_OK;
    plan->batch_values = cn_new(plan->batch, sizeof *plan->batch_values, error);
    plan->batch_penalties = cn_new(plan->batch, sizeof *plan->batch_penalties, error);
    plan->batch_flows = cn_new(plan->model->nnode, sizeof *plan->batch_flows, error);
    if (!plan->batch_values || !plan->batch_penalties || !plan->batch_flows)
        return CINCH_MEMORY;
    for (size_t i = 0; i < plan->model->nnode; i++) {
        const cn_node *node = &plan->nodes[i];
        cn_flow *flow = &plan->batch_flows[i];
        *flow = plan->flows[i];
        flow->x = flow->dy = flow->kept = NULL;
        if (!node->nparameter || node->layer->by_rows)
            continue;
        if (!(flow->x = new_batch_buffer(plan, flow->x_stride, error)) ||
            !(flow->dy = new_batch_buffer(plan, flow->y_stride, error)) ||
            (plan->flows[i].kept && !(flow->kept = new_batch_buffer(plan, flow->kept_stride, error))))
            return CINCH_MEMORY;
    }
    return CINCH_OK;
}

static void free_batch(cn_plan *plan)
{
    if (!plan->local)
        return;
    for (size_t i = 0; plan->batch_flows && i < plan->model->nnode; i++) {
        cn_free((void *)plan->batch_flows[i].x);
        cn_free(plan->batch_flows[i].dy);
        cn_free(plan->batch_flows[i].kept);
    }
    cn_free(plan->batch_flows);
    cn_free(plan->batch_values);
    cn_free(plan->batch_penalties);
}

/* The most rows that pass at a time: fewer where they are so wide that more would not stay in the cache; but
 * not where the weights do not stay there either, since each go reads all of them. */
static size_t chunk_of(const cn_plan *plan)
{
    enum { MOST_ROWS = 192, MOST_REALS = 1 << 18, NEAR_WEIGHTS = 1 << 18 };
    const cinch_model *model = plan->model;
    size_t reals = plan->stride;
    for (const cn_node *node = plan->nodes; node < plan->nodes + model->nnode; node++)
        if (!node->idle)
            reals += 2 * output_stride(node) + (node->layer->kept ? cn_stride(node->layer->kept(node)) : 0);
    size_t rows = MOST_REALS / reals;
    rows = rows < 1 ? 1 : rows < MOST_ROWS ? rows : MOST_ROWS;
    if (!plan->by_rows)
        return plan->nweight > NEAR_WEIGHTS ? MOST_ROWS : rows;
    /* Blocks are whole chunks, or chunks whole blocks. */
    while (rows < CN_SUM_ROWS && CN_SUM_ROWS % rows)
        rows--;
    return rows < CN_SUM_ROWS ? rows : rows / CN_SUM_ROWS * CN_SUM_ROWS;
}

/* As much as the layer that needs most of it, or a row that is put in order. */
static size_t scratch_of(const cn_plan *plan)
{
    const cinch_model *model = plan->model;
    size_t most = cn_image_in_planes(model->input) ? cn_shape_size(model->input) : 0;
    if (plan->bundles && cn_bundles_scratch(plan->bundles) > most)
        most = cn_bundles_scratch(plan->bundles);
    for (const cn_node *node = plan->nodes; node < plan->nodes + model->nnode; node++) {
        size_t reals = node->layer->scratch ? node->layer->scratch(node) : 0;
        most = reals > most ? reals : most;
    }
    return cn_round_up(most, CN_PANEL);
}

static cinch_status new_scratch(cn_plan *plan, size_t nthread, cinch_error *error)
{
    size_t count;
    plan->nscratch = scratch_of(plan);
    if (!cn_multiply(nthread, plan->nscratch, &count))
        return cn_fail(error, CINCH_MEMORY, "a row is too large");
    plan->scratch = cn_new(count, plan->weights->kernels->real_size, error);
    return plan->scratch ? CINCH_OK : CINCH_MEMORY;
}

void cn_plan_enter(const cn_plan *plan, cn_step *step, size_t thread)
{
    step->thread = thread;
    step->scratch = (char *)plan->scratch + thread * plan->nscratch * plan->weights->kernels->real_size;
    step->rows = plan->numbers;
}

/* What the objective's penalties keep. */
static cinch_status begin_penalties(cn_plan *plan, cinch_error *error)
{
    const cn_pipeline *penalties = &plan->objective->penalties;
    if (!(plan->works = cn_new(penalties->count, sizeof *plan->works, error)))
        return CINCH_MEMORY;
    for (size_t i = 0; i < penalties->count; i++) {
        const cn_penalty *penalty = cn_penalty_of(&penalties->specs[i]);
        plan->works[i] = (cn_penalty_work){.spec = &penalties->specs[i],
                                           .model = plan->model,
                                           .weights = plan->weights,
                                           .flows = plan->flows,
                                           .rows = plan->rows,
                                           .backward = plan->backward};
        cinch_status status = penalty->begin ? penalty->begin(&plan->works[i], error) : CINCH_OK;
        if (status)
            return status;
        if (penalty->means && !plan->means &&
            !(plan->means = cn_new(3 * cn_shape_size(plan->model->code), sizeof *plan->means, error)))
            return CINCH_MEMORY;
    }
    return CINCH_OK;
}

cn_plan *cn_plan_new(const cinch_model *model, cn_weights *weights, const cn_objective *objective,
                     size_t batch, size_t nthread, bool backward, cinch_error *error)
{
    cn_plan *plan = cn_new(1, sizeof *plan, error);
    if (!plan)
        return NULL;
    plan->model = model;
    plan->weights = weights;
    plan->objective = objective;
    plan->backward = backward;
    plan->features = cn_shape_size(model->input);
    plan->stride = cn_stride(plan->features);
    if (!(plan->nodes = cn_new(model->nnode, sizeof *plan->nodes, error)))
        goto fail;
    memcpy(plan->nodes, model->nodes, model->nnode * sizeof *plan->nodes);
    plan->batch = batch;
    plan->images = has_rows(model);
    plan->by_rows = goes_by_rows(plan);
    fuse(plan);
    for (size_t p = 0; p < model->nparameter; p++)
        plan->nweight += model->parameters[p].count;
    plan->chunk = chunk_of(plan);
    plan->batch = batch ? batch : nthread * plan->chunk;
    if (backward && cn_bundles_fit(model, plan->nodes, objective, plan->batch)) {
        plan->bundles = cn_bundles_new(model, plan->nodes, weights, objective, plan->batch, nthread, error);
        if (!plan->bundles || new_scratch(plan, nthread, error))
            goto fail;
        return plan;
    }
    plan->local = backward && plan->by_rows && can_be_local(objective);
    plan->rows = plan->local ? nthread * plan->chunk : plan->batch;
    plan->flows = cn_new(model->nnode, sizeof *plan->flows, error);
    plan->input = new_buffer(plan, plan->stride, error);
    plan->values = cn_new(plan->rows, sizeof *plan->values, error);
    plan->penalties = cn_new(plan->rows, sizeof *plan->penalties, error);
    plan->numbers = cn_new(plan->rows, sizeof *plan->numbers, error);
    if (!plan->flows || !plan->input || !plan->values || !plan->penalties || !plan->numbers ||
        new_scratch(plan, nthread, error) || new_blocks(plan, nthread, error))
        goto fail;
    for (size_t i = 0; i < model->nnode; i++)
        if (new_flow(plan, i, error))
            goto fail;
    if (keep_batch(plan, error) || begin_penalties(plan, error))
        goto fail;
    return plan;
fail:
    cn_plan_free(plan);
    return NULL;
}

void cn_plan_free(cn_plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; plan->works && i < plan->objective->penalties.count; i++)
        if (plan->works[i].spec && cn_penalty_of(plan->works[i].spec)->end)
            cn_penalty_of(plan->works[i].spec)->end(&plan->works[i]);
    cn_bundles_free(plan->bundles);
    cn_free(plan->works);
    cn_free(plan->means);
    free_batch(plan);
    cn_blocks_free(plan->blocks);
    cn_free(plan->block_place);
    cn_free(plan->numbers);
    for (size_t i = 0; plan->flows && i < plan->model->nnode; i++) {
        if (plan->nodes[i].idle)
            continue;
        cn_free(plan->flows[i].y);
        cn_free(plan->flows[i].dy);
        cn_free(plan->flows[i].dz);
        cn_free(plan->flows[i].kept);
    }
    cn_free(plan->flows);
    cn_free(plan->nodes);
    cn_free(plan->input);
    cn_free(plan->values);
    cn_free(plan->penalties);
    cn_free(plan->scratch);
    cn_free(plan);
}
