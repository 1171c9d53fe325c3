#include "train/weights.h"

#include "base/memory.h"
#include "model/windows.h"

/* Reals of a vector in one tile; where each is much work, fewer, so that threads can share them. */
enum { VECTOR_TILE = 64, WORKED_TILE = 48 };

size_t cn_first_trained(const cinch_model *model)
{
    size_t first = 0;
    while (first < model->nnode && !model->nodes[first].nparameter)
        first++;
    return first;
}

static cn_matrix matrix_of(const cn_parameter *parameter)
{
    const size_t out = parameter->shape.sizes[0];
    return parameter->packing == CN_PACK_WINDOWS ? cn_windows_matrix(parameter->shape)
                                                 : (cn_matrix){.in = parameter->count / out, .out = out};
}

/* ---- Making -------------------------------------------------------------------------------------------- */

static cinch_status find_uses(cn_weights *weights, const cinch_model *model, cinch_error *error)
{
    size_t total = 0, next = 0;
    for (size_t i = 0; i < model->nnode; i++)
        total += model->nodes[i].nparameter;
    weights->uses = cn_new(total, sizeof *weights->uses, error);
    weights->first_use = cn_new(weights->count + 1, sizeof *weights->first_use, error);
    if (!weights->uses || !weights->first_use)
        return CINCH_MEMORY;
    for (size_t p = 0; p < weights->count; p++) {
        weights->first_use[p] = next;
        for (size_t i = 0; i < model->nnode; i++)
            for (size_t local = 0; local < model->nodes[i].nparameter; local++)
                if (model->nodes[i].parameters[local] == p)
                    weights->uses[next++] = (cn_use){i, local};
    }
    weights->first_use[weights->count] = next;
    return CINCH_OK;
}

/* Whether the parameter's transpose is wanted: in training, where a gradient flows back through it, which is
 * where it is used behind the first node that is trained; and always where it is used twice, once so, once so
 * (tied weights), and of windows, which may go either way. */
static bool wants_transposed(const cn_weights *weights, const cinch_model *model, size_t parameter,
                             bool training)
{
    size_t first = cn_first_trained(model), last_use = weights->first_use[parameter + 1] - 1;
    return last_use > weights->first_use[parameter] ||
           weights->packed[parameter].packing == CN_PACK_WINDOWS ||
           (training && weights->uses[last_use].node > first);
}

cinch_status cn_weights_transpose(cn_weights *weights, size_t parameter, cinch_error *error)
{
    cn_matrix *matrix = &weights->packed[parameter].matrix;
    if (matrix->transposed)
        return CINCH_OK;
    if (!(matrix->transposed =
              cn_new(cn_round_up(matrix->in, CN_PANEL) * matrix->out, weights->kernels->real_size, error)))
        return CINCH_MEMORY;
    for (size_t panel = 0; panel < cn_round_up(matrix->out, CN_PANEL) / CN_PANEL; panel++)
        weights->kernels->transpose_tile(matrix, panel, 0, matrix->in);
    return CINCH_OK;
}

static cinch_status new_packed(cn_weights *weights, const cinch_model *model, size_t p, bool training,
                               cinch_error *error)
{
    const cn_parameter *parameter = &model->parameters[p];
    cn_packed *packed = &weights->packed[p];
    size_t real_size = weights->kernels->real_size;
    packed->packing = parameter->packing;
    packed->nreal = cn_round_up(parameter->count, CN_PANEL);
    if (packed->packing != CN_PACK_VECTOR) {
        packed->matrix = matrix_of(parameter);
        packed->nreal = cn_round_up(packed->matrix.out, CN_PANEL) * packed->matrix.in;
    }
    if (!(packed->reals = cn_new(packed->nreal, real_size, error)))
        return CINCH_MEMORY;
    packed->matrix.panels = packed->reals;
    if (packed->packing != CN_PACK_VECTOR && wants_transposed(weights, model, p, training) &&
        cn_weights_transpose(weights, p, error))
        return CINCH_MEMORY;
    if (!training)
        return CINCH_OK;
    for (size_t s = 0; s < weights->nslot; s++)
        if (!(weights->slots[p * weights->nslot + s] = cn_new(packed->nreal, real_size, error)))
            return CINCH_MEMORY;
    return CINCH_OK;
}

static size_t vector_tile(const cn_parameter *parameter)
{
    return parameter->work > 1 ? WORKED_TILE : VECTOR_TILE;
}

static size_t tiles_of(const cn_packed *packed, size_t tile)
{
    if (packed->packing == CN_PACK_VECTOR)
        return cn_round_up(packed->nreal, tile) / tile;
    return cn_round_up(packed->matrix.out, CN_PANEL) / CN_PANEL *
           (cn_round_up(packed->matrix.in, CN_TILE_ROWS) / CN_TILE_ROWS);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static cinch_status cut_tiles(cn_weights *weights, const cinch_model *model, cinch_error *error)
{
    size_t total = 0;
    for (size_t p = 0; p < weights->count; p++)
        total += tiles_of(&weights->packed[p], vector_tile(&model->parameters[p]));
    if (!(weights->tiles = cn_new(total, sizeof *weights->tiles, error)))
        return CINCH_MEMORY;
    cn_tile *tile = weights->tiles;
    for (size_t p = 0; p < weights->count; p++) {
        const cn_packed *packed = &weights->packed[p];
        size_t size = vector_tile(&model->parameters[p]);
        size_t in = packed->matrix.in, panels = cn_round_up(packed->matrix.out, CN_PANEL) / CN_PANEL;
        /* All panels of some rows, so that the values which these rows' gradients are of stay near. */
        for (size_t row = 0; row < in && packed->packing != CN_PACK_VECTOR; row += CN_TILE_ROWS)
            for (size_t panel = 0; panel < panels; panel++, tile++) {
                size_t nrow = least(CN_TILE_ROWS, in - row);
                *tile = (cn_tile){.parameter = p,
                                  .first = (panel * in + row) * CN_PANEL,
                                  .count = nrow * CN_PANEL,
                                  .panel = panel,
                                  .npanel = 1,
                                  .row = row,
                                  .nrow = nrow};
            }
        for (size_t first = 0; first < packed->nreal && packed->packing == CN_PACK_VECTOR;
             first += size, tile++)
            *tile = (cn_tile){
                .parameter = p, .npanel = 1, .first = first, .count = least(size, packed->nreal - first)};
    }
    weights->ntile = total;
    return CINCH_OK;
}

cn_weights *cn_weights_new(const cinch_model *model, const cn_kernels *kernels, bool training, size_t nslot,
                           cinch_error *error)
{
    cn_weights *weights = cn_new(1, sizeof *weights, error);
    if (!weights)
        return NULL;
    weights->kernels = kernels;
    weights->count = model->nparameter;
    weights->nslot = training ? nslot : 0;
    weights->packed = cn_new(weights->count, sizeof *weights->packed, error);
    weights->slots = cn_new(weights->count * weights->nslot, sizeof *weights->slots, error);
    if (!weights->packed || !weights->slots || find_uses(weights, model, error))
        goto fail;
    for (size_t p = 0; p < weights->count; p++)
        if (new_packed(weights, model, p, training, error))
            goto fail;
    if (cut_tiles(weights, model, error))
        goto fail;
    cn_weights_load(weights, model);
    return weights;
fail:
    cn_weights_free(weights);
    return NULL;
}

void cn_weights_free(cn_weights *weights)
{
    if (!weights)
        return;
    for (size_t p = 0; weights->packed && p < weights->count; p++) {
        cn_free(weights->packed[p].reals);
        cn_free(weights->packed[p].matrix.transposed);
    }
    for (size_t i = 0; weights->slots && i < weights->count * weights->nslot; i++)
        cn_free(weights->slots[i]);
    cn_free(weights->packed);
    cn_free(weights->slots);
    cn_free(weights->uses);
    cn_free(weights->first_use);
    cn_free(weights->tiles);
    cn_free(weights);
}

/* ---- Between a model's layout and the packed one ------------------------------------------------------- */

static cn_matrix matrix_around(const cn_weights *weights, size_t parameter, void *reals)
{
    cn_matrix matrix = weights->packed[parameter].matrix;
    if (reals != matrix.panels)
        matrix.transposed = NULL;
    matrix.panels = reals;
    return matrix;
}

void cn_weights_pack(const cn_weights *weights, const cinch_model *model, size_t parameter,
                     const float *values, void *reals)
{
    cn_matrix matrix = matrix_around(weights, parameter, reals);
    if (weights->packed[parameter].packing == CN_PACK_MATRIX)
        weights->kernels->pack(values, &matrix);
    else if (weights->packed[parameter].packing == CN_PACK_WINDOWS)
        cn_windows_pack(weights->kernels, model->parameters[parameter].shape, values, &matrix);
    else
        weights->kernels->from_float(values, reals, model->parameters[parameter].count);
}

void cn_weights_unpack(const cn_weights *weights, const cinch_model *model, size_t parameter,
                       const void *reals, float *values)
{
    cn_matrix matrix = matrix_around(weights, parameter, (void *)reals);
    if (weights->packed[parameter].packing == CN_PACK_MATRIX)
        weights->kernels->unpack(&matrix, values);
    else if (weights->packed[parameter].packing == CN_PACK_WINDOWS)
        cn_windows_unpack(weights->kernels, model->parameters[parameter].shape, &matrix, values);
    else
        weights->kernels->to_float(reals, values, model->parameters[parameter].count);
}

void cn_weights_load(cn_weights *weights, const cinch_model *model)
{
    for (size_t p = 0; p < weights->count; p++)
        cn_weights_pack(weights, model, p, model->parameters[p].values, weights->packed[p].reals);
}

void cn_weights_store(const cn_weights *weights, cinch_model *model)
{
    for (size_t p = 0; p < weights->count; p++)
        cn_weights_unpack(weights, model, p, weights->packed[p].reals, model->parameters[p].values);
}

/* ---- Penalties on weights ------------------------------------------------------------------------------ */

double cn_weights_penalty(const cn_weights *weights, const cinch_model *model, const cn_pipeline *penalties,
                          const cn_tile *tile, void *gradient)
{
    double sum = 0;
    if (!model->parameters[tile->parameter].weight)
        return 0;
    for (size_t i = 0; i < penalties->count; i++) {
        const cn_penalty *penalty = (const cn_penalty *)penalties->specs[i].part;
        cn_penalty_weights *of = penalty->weights[weights->kernels->real_size == sizeof(double)];
        if (of)
            sum +=
                of(&penalties->specs[i], cn_tile_reals(weights, tile, weights->packed[tile->parameter].reals),
                   tile->count, gradient);
    }
    return sum;
}
