#include "train/plan.h"

#include <string.h>

#include "base/memory.h"
#include "math/tree.h"
#include "model/image.h"

/* ---- The objective ------------------------------------------------------------------------------------- */

const cn_loss *cn_objective_loss(const cn_objective *objective)
{
    return (const cn_loss *)objective->loss.part;
}

static cinch_status fits_output(const cn_loss *loss, const cn_node *last, cinch_error *error)
{
    if (!loss->logits || (last->layer->activation && last->layer->activation(last) == CN_SIGMOID))
        return CINCH_OK;
    return cn_fail(error, CINCH_USAGE, "%s needs a sigmoid output; the decoder's last layer is %s %s",
                   loss->part.name, last->layer->part.name,
                   last->layer->activation ? cn_activation_names[last->layer->activation(last)] : "");
}

cinch_status cn_objective_new(cn_objective *objective, const cinch_recipe *recipe, const cinch_model *model,
                              cinch_error *error)
{
    *objective = (cn_objective){0};
    cinch_status status = cn_spec_parse(cn_recipe_text(recipe, CN_LOSS), "loss",
                                        (const cn_part *const *)cn_losses, &objective->loss, error);
    if (!status)
        status = fits_output(cn_objective_loss(objective), &model->nodes[model->nnode - 1], error);
    status = cn_recipe_blame(recipe, CN_LOSS, status, error);
    if (!status)
        status = cn_recipe_blame(recipe, CN_PENALTY,
                                 cn_pipeline_parse(cn_recipe_text(recipe, CN_PENALTY), "penalty",
                                                   (const cn_part *const *)cn_penalties,
                                                   cn_limits_standard.layers, &objective->penalties, error),
                                 error);
    if (status)
        cn_objective_clear(objective);
    return status;
}

void cn_objective_clear(cn_objective *objective)
{
    cn_spec_clear(&objective->loss);
    cn_pipeline_clear(&objective->penalties);
    *objective = (cn_objective){0};
}

/* ---- Making -------------------------------------------------------------------------------------------- */

/* A buffer of rows*stride reals, the product checked. */
static void *new_buffer(const cn_plan *plan, size_t stride, cinch_error *error)
{
    size_t count;
    if (!cn_multiply(plan->rows, stride, &count)) {
        cn_fail(error, CINCH_MEMORY, "a batch of %zu rows is too large", plan->rows);
        return NULL;
    }
    return cn_new(count, plan->weights->kernels->real_size, error);
}

static cinch_status new_flow(cn_plan *plan, size_t place, cinch_error *error)
{
    const cn_node *node = &plan->model->nodes[place];
    cn_flow *flow = &plan->flows[place];
    size_t kept = node->layer->kept ? node->layer->kept(node) : 0;
    flow->x = place ? flow[-1].y : plan->input;
    flow->x_stride = place ? flow[-1].y_stride : plan->stride;
    flow->y_stride = cn_stride(cn_shape_size(node->output));
    flow->kept_stride = cn_stride(kept);
    flow->logits = place + 1 == plan->model->nnode && cn_objective_loss(plan->objective)->logits;
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

size_t cn_plan_chunk(const cinch_model *model)
{
    enum { MOST_ROWS = 96, MOST_REALS = 1 << 18 };
    size_t reals = cn_stride(cn_shape_size(model->input));
    for (const cn_node *node = model->nodes; node < model->nodes + model->nnode; node++)
        reals += 2 * cn_stride(cn_shape_size(node->output)) +
                 (node->layer->kept ? cn_stride(node->layer->kept(node)) : 0);
    size_t rows = MOST_REALS / reals;
    return rows < 1 ? 1 : rows < MOST_ROWS ? rows : MOST_ROWS;
}

/* As much as the layer that needs most of it, or a row that is put in order. */
static size_t scratch_of(const cinch_model *model)
{
    size_t most = cn_image_in_planes(model->input) ? cn_shape_size(model->input) : 0;
    for (const cn_node *node = model->nodes; node < model->nodes + model->nnode; node++) {
        size_t reals = node->layer->scratch ? node->layer->scratch(node) : 0;
        most = reals > most ? reals : most;
    }
    return cn_round_up(most, CN_PANEL);
}

static cinch_status new_scratch(cn_plan *plan, size_t nthread, cinch_error *error)
{
    size_t count;
    plan->nscratch = scratch_of(plan->model);
    if (!cn_multiply(nthread, plan->nscratch, &count))
        return cn_fail(error, CINCH_MEMORY, "a row is too large");
    plan->scratch = cn_new(count, plan->weights->kernels->real_size, error);
    return plan->scratch ? CINCH_OK : CINCH_MEMORY;
}

void *cn_plan_scratch(const cn_plan *plan, size_t thread)
{
    return (char *)plan->scratch + thread * plan->nscratch * plan->weights->kernels->real_size;
}

cn_plan *cn_plan_new(const cinch_model *model, const cn_weights *weights, const cn_objective *objective,
                     size_t rows, size_t nthread, bool backward, cinch_error *error)
{
    cn_plan *plan = cn_new(1, sizeof *plan, error);
    if (!plan)
        return NULL;
    plan->model = model;
    plan->weights = weights;
    plan->objective = objective;
    plan->rows = rows;
    plan->backward = backward;
    plan->features = cn_shape_size(model->input);
    plan->stride = cn_stride(plan->features);
    plan->flows = cn_new(model->nnode, sizeof *plan->flows, error);
    plan->input = new_buffer(plan, plan->stride, error);
    plan->values = cn_new(rows, sizeof *plan->values, error);
    plan->penalties = cn_new(rows, sizeof *plan->penalties, error);
    plan->chunk = cn_plan_chunk(model);
    if (!plan->flows || !plan->input || !plan->values || !plan->penalties ||
        new_scratch(plan, nthread, error))
        goto fail;
    for (size_t i = 0; i < model->nnode; i++)
        if (new_flow(plan, i, error))
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
    for (size_t i = 0; plan->flows && i < plan->model->nnode; i++) {
        cn_free(plan->flows[i].y);
        cn_free(plan->flows[i].dy);
        cn_free(plan->flows[i].kept);
    }
    cn_free(plan->flows);
    cn_free(plan->input);
    cn_free(plan->values);
    cn_free(plan->penalties);
    cn_free(plan->scratch);
    cn_free(plan);
}

/* ---- Rows ---------------------------------------------------------------------------------------------- */

void cn_plan_gather(const cn_plan *plan, const cn_step *step, const cinch_data *data, const size_t *order,
                    size_t first, size_t count, size_t place)
{
    size_t real_size = step->kernels->real_size;
    cn_data_gather(data, &plan->model->scaler, order, first, count, plan->stride, real_size,
                   cn_row(step, plan->input, plan->stride, place));
    for (size_t r = place; cn_image_in_planes(plan->model->input) && r < place + count; r++) {
        void *row = cn_row(step, plan->input, plan->stride, r);
        memcpy(step->scratch, row, plan->features * real_size);
        cn_image_split(step->kernels, plan->model->input, step->scratch, row);
    }
}

/* ---- Passes -------------------------------------------------------------------------------------------- */

static void forward(const cn_plan *plan, const cn_step *step, size_t first, size_t count)
{
    for (size_t i = 0; i < plan->model->nnode; i++) {
        const cn_node *node = &plan->model->nodes[i];
        node->layer->forward(node, &plan->flows[i], step, first, count);
    }
}

static void backward(const cn_plan *plan, const cn_step *step, size_t from, size_t to, size_t first,
                     size_t count)
{
    for (size_t i = to; i-- > from;) {
        const cn_node *node = &plan->model->nodes[i];
        if (plan->flows[i].dy)
            node->layer->backward(node, &plan->flows[i], step, first, count);
    }
}

static void rows_loss(const cn_plan *plan, const cn_step *step, size_t batch_rows, size_t first, size_t count)
{
    const cn_flow *last = &plan->flows[plan->model->nnode - 1];
    cn_objective_loss(plan->objective)
        ->rows[cn_precision(step)](
            count, plan->features, last->y_stride, cn_row(step, last->y, last->y_stride, first),
            cn_row(step, plan->input, plan->stride, first), plan->stride,
            1 / ((double)batch_rows * (double)plan->features),
            last->dy ? cn_row(step, last->dy, last->y_stride, first) : NULL, plan->values + first);
}

/* The code's penalties: their values, and their slopes added to what the decoder sent back. */
static void code_penalties(const cn_plan *plan, const cn_step *step, size_t batch_rows, size_t first,
                           size_t count)
{
    const cn_pipeline *penalties = &plan->objective->penalties;
    const cn_flow *code = &plan->flows[plan->model->nencoder - 1];
    for (size_t r = first; r < first + count; r++)
        plan->penalties[r] = 0;
    for (size_t i = 0; i < penalties->count; i++) {
        const cn_penalty *penalty = (const cn_penalty *)penalties->specs[i].part;
        if (penalty->codes[cn_precision(step)])
            penalty->codes[cn_precision(step)](
                &penalties->specs[i], count, cn_shape_size(plan->model->code), code->y_stride,
                cn_row(step, code->y, code->y_stride, first), 1 / (double)batch_rows,
                code->dy ? cn_row(step, code->dy, code->y_stride, first) : NULL, plan->penalties + first);
    }
}

void cn_plan_pass(const cn_plan *plan, const cn_step *step, size_t batch_rows, size_t first, size_t count)
{
    for (size_t end = first + count; first < end; first += plan->chunk) {
        size_t rows = end - first < plan->chunk ? end - first : plan->chunk;
        forward(plan, step, first, rows);
        rows_loss(plan, step, batch_rows, first, rows);
        if (plan->backward)
            backward(plan, step, plan->model->nencoder, plan->model->nnode, first, rows);
        code_penalties(plan, step, batch_rows, first, rows);
        if (plan->backward)
            backward(plan, step, 0, plan->model->nencoder, first, rows);
    }
}

void cn_plan_gradient(const cn_plan *plan, const cn_step *step, size_t batch_rows, const cn_tile *tile,
                      void *gradient)
{
    const cn_weights *weights = plan->weights;
    size_t first = weights->first_use[tile->parameter], end = weights->first_use[tile->parameter + 1];
    for (size_t u = first; u < end; u++) {
        const cn_use *use = &weights->uses[u];
        const cn_node *node = &plan->model->nodes[use->node];
        node->layer->gradient(node, &plan->flows[use->node], step, batch_rows, use->local, tile, u > first,
                              gradient);
    }
}

double cn_plan_reconstruction(const cn_plan *plan, size_t batch_rows)
{
    return cn_tree_sum(plan->values, batch_rows) / ((double)batch_rows * (double)plan->features);
}

double cn_plan_code_penalty(const cn_plan *plan, size_t batch_rows)
{
    return cn_tree_sum(plan->penalties, batch_rows) / (double)batch_rows;
}
