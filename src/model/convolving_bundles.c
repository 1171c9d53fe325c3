/* conv and deconv over bundles of rows: each pass is the sums of a stencil. What is pooled goes a band of
 * rows and a few planes at a time, so that the values that are not the largest never leave the cache. */
#include <string.h>

#include "base/memory.h"
#include "model/convolving.h"
#include "model/folding.h"
#include "model/stencil.h"

/* Pooled at a time: so many planes of as many rows of windows as have so many values. */
enum { PLANES = 8, BAND = 1 << 10 };

/* ---- The plan ------------------------------------------------------------------------------------------ */

typedef struct plan {
    cn_stencil forward;  /* not where it pools */
    cn_stencil back;     /* slopes to x, where they are wanted */
    cn_stencil gradient; /* where `forward` is not the way down: that */
    cn_stencil *bands;   /* [nband], where it pools: of some rows of windows each */
    size_t nband;
} plan;

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Some rows of windows, and the rows from..to that are pooled by them. */
typedef struct band {
    size_t first, count, from, to;
} band;

static size_t windows_of_band(const cn_pooling *pooling)
{
    size_t count = BAND / (PLANES * pooling->size * pooling->width);
    return count > 1 ? least(count, pooling->small_height) : 1;
}

static band band_of(const cn_pooling *pooling, size_t b)
{
    size_t each = windows_of_band(pooling);
    band of = {.first = b * each, .count = least(each, pooling->small_height - b * each)};
    of.from = b ? of.first * pooling->size - pooling->top : 0;
    of.to = least((of.first + of.count) * pooling->size - pooling->top, pooling->height);
    return of;
}

bool cn_convolving_fits(const cn_convolving *layer)
{
    return !layer->windows &&
           layer->convolution.kernel_height * layer->convolution.kernel_width <= CN_MOST_CELLS;
}

void cn_convolving_plan_free(void *made)
{
    plan *p = made;
    if (!p)
        return;
    cn_stencil_clear(&p->forward);
    cn_stencil_clear(&p->back);
    cn_stencil_clear(&p->gradient);
    for (size_t b = 0; p->bands && b < p->nband; b++)
        cn_stencil_clear(&p->bands[b]);
    cn_free(p->bands);
    cn_free(p);
}

static cinch_status plan_bands(plan *p, const cn_convolving *layer, cinch_error *error)
{
    const cn_pooling pooling = cn_convolving_pooling(layer, 1);
    const size_t each = windows_of_band(&pooling);
    p->nband = (pooling.small_height + each - 1) / each;
    if (!(p->bands = cn_new(p->nband, sizeof *p->bands, error)))
        return CINCH_MEMORY;
    for (size_t b = 0; b < p->nband; b++) {
        const band of = band_of(&pooling, b);
        if (cn_stencil_new(&p->bands[b], &layer->convolution, false, of.from, of.to - of.from, error))
            return CINCH_MEMORY;
    }
    return CINCH_OK;
}

cinch_status cn_convolving_plan(const cn_convolving *layer, bool backward, void **made, cinch_error *error)
{
    const cn_convolution *c = &layer->convolution;
    plan *p = cn_new(1, sizeof *p, error);
    *made = p;
    if (!p)
        return CINCH_MEMORY;
    if (layer->pool > 1
            ? plan_bands(p, layer, error)
            : cn_stencil_new(&p->forward, c, layer->up, 0, layer->up ? c->height : c->small_height, error))
        return CINCH_MEMORY;
    if (layer->up && cn_stencil_new(&p->gradient, c, false, 0, c->small_height, error))
        return CINCH_MEMORY;
    return backward
               ? cn_stencil_new(&p->back, c, !layer->up, 0, layer->up ? c->small_height : c->height, error)
               : CINCH_OK;
}

/* What is kept of a row: the place of each largest, or z where f' needs it. */
size_t cn_convolving_bundle_kept(const cn_convolving *layer)
{
    bool wanted = cn_convolving_keeps_z(layer) || layer->pool > 1;
    return wanted ? cn_convolving_output_channels(layer) * cn_convolving_output_plane(layer) : 0;
}

/* ---- Scratch: the folded weight; then its gradient, a band, or all slopes before the pooling ----------- */

static size_t folded_values(const cn_convolving *layer)
{
    return cn_round_up(cn_convolving_folded(layer), CN_BUNDLE) / CN_BUNDLE;
}

static size_t pooled_plane(const cn_convolving *layer)
{
    return layer->convolution.small_height * layer->convolution.small_width;
}

static size_t band_plane(const cn_convolving *layer)
{
    const cn_pooling pooling = cn_convolving_pooling(layer, 1);
    return windows_of_band(&pooling) * layer->pool * layer->convolution.small_width;
}

size_t cn_convolving_bundle_scratch(const cn_convolving *layer, bool backward)
{
    size_t channels = cn_convolving_output_channels(layer), most = 0;
    if (layer->repeat > 1)
        most = cn_convolution_weights(&layer->convolution);
    if (layer->pool > 1)
        most = backward ? channels * pooled_plane(layer) : least(PLANES, channels) * band_plane(layer);
    return folded_values(layer) + most;
}

/* ---- Passes -------------------------------------------------------------------------------------------- */

static void *value(const cn_step *step, const void *values, size_t place)
{
    return cn_bundle_at(step, values, 1, place);
}

/* The layer in this place: a loss on the logits has the activation in itself. */
static cn_convolving in_flow(const cn_convolving *layer, const cn_flow *flow)
{
    cn_convolving placed = *layer;
    if (flow->logits)
        placed.activation = CN_LINEAR;
    return placed;
}

static const void *weight_of(const cn_convolving *layer, const cn_flow *flow, const cn_step *step)
{
    return cn_convolving_weight(layer, step->kernels, flow->parameters[CN_CONVOLVING_WEIGHT]->reals,
                                step->scratch);
}

/* To planes first, first + 1, ... of the larger image (`up`) or of the smaller one. */
static cn_bundle_sums sums_of(const cn_convolving *layer, const cn_step *step, const cn_stencil *stencil,
                              bool up, const void *weight, size_t first, size_t count)
{
    const cn_convolution *c = &layer->convolution;
    size_t kernel = c->kernel_height * c->kernel_width, channels = c->channels * kernel;
    return (cn_bundle_sums){.views = stencil->views,
                            .nview = stencil->nview,
                            .out = count,
                            .in = up ? c->small_channels : c->channels,
                            .x_plane = up ? c->small_height * c->small_width : c->height * c->width,
                            .weight = cn_row(step, weight, up ? kernel : channels, first),
                            .weight_out = up ? kernel : channels,
                            .weight_in = up ? channels : kernel,
                            .y_plane = up ? c->height * c->width : c->small_height * c->small_width};
}

static const void *bias_of(const cn_flow *flow, const cn_step *step, size_t first)
{
    return cn_row(step, flow->parameters[CN_CONVOLVING_BIAS]->reals, 1, first);
}

/* A band's windows, of one plane, as a pooling of that alone. */
static cn_pooling pooling_of_band(const cn_convolving *layer, const band *of)
{
    cn_pooling pooling = cn_convolving_pooling(layer, 1);
    pooling.top = of->first ? 0 : pooling.top;
    pooling.height = of->to - of->from;
    pooling.large_plane = pooling.height * pooling.width;
    pooling.small_height = of->count;
    return pooling;
}

static void pool_bands(const cn_convolving *layer, const cn_flow *flow, const cn_step *step,
                       const void *weight, size_t first, size_t count)
{
    const plan *p = flow->plan;
    const cn_pooling whole = cn_convolving_pooling(layer, 1);
    const size_t plane = whole.small_height * whole.small_width;
    void *values = value(step, step->scratch, folded_values(layer));
    for (size_t b = 0; b < p->nband; b++) {
        const band of = band_of(&whole, b);
        cn_bundle_sums sums = sums_of(layer, step, &p->bands[b], false, weight, first, count);
        sums.x = flow->x;
        sums.bias = bias_of(flow, step, first);
        sums.y = values;
        sums.y_plane = (of.to - of.from) * whole.width;
        step->kernels->bundle_sums(&sums);
        const cn_pooling pooling = pooling_of_band(layer, &of);
        for (size_t c = 0; c < count; c++) {
            size_t place = (first + c) * plane + of.first * whole.small_width;
            step->kernels->bundle_max(&pooling, value(step, values, c * sums.y_plane),
                                      value(step, flow->y, place),
                                      flow->kept ? value(step, flow->kept, place) : NULL);
        }
    }
}

void cn_convolving_bundle_forward(const cn_convolving *layer, const cn_flow *flow, const cn_step *step)
{
    const cn_convolving placed = in_flow(layer, flow);
    const plan *p = flow->plan;
    const void *weight = weight_of(&placed, flow, step);
    const size_t channels = cn_convolving_output_channels(&placed),
                 reals = channels * cn_convolving_output_plane(&placed) * CN_BUNDLE;
    void *z = flow->kept && cn_convolving_keeps_z(&placed) ? flow->kept : flow->y;
    if (placed.pool > 1) {
        for (size_t first = 0; first < channels; first += PLANES)
            pool_bands(&placed, flow, step, weight, first, least(PLANES, channels - first));
    } else {
        cn_bundle_sums sums = sums_of(&placed, step, &p->forward, placed.up, weight, 0, channels);
        sums.x = flow->x;
        sums.bias = bias_of(flow, step, 0);
        sums.y = z;
        step->kernels->bundle_sums(&sums);
    }
    cn_activate_all(step->kernels, placed.activation, reals, z, flow->y);
}

/* dz = dy f'(z) to dy; and where slopes go on to x, those. */
void cn_convolving_bundle_backward(const cn_convolving *layer, const cn_flow *flow, const cn_step *step)
{
    const cn_convolving placed = in_flow(layer, flow);
    const plan *p = flow->plan;
    const size_t channels = cn_convolving_output_channels(&placed),
                 reals = channels * cn_convolving_output_plane(&placed) * CN_BUNDLE;
    cn_activate_all_backward(step->kernels, placed.activation, reals,
                             cn_convolving_keeps_z(&placed) ? flow->kept : flow->y, flow->y, flow->dy);
    if (!flow->dx)
        return;
    const void *slopes = flow->dy;
    if (placed.pool > 1) {
        const cn_pooling pooling = cn_convolving_pooling(&placed, channels);
        void *all = value(step, step->scratch, folded_values(&placed));
        step->kernels->bundle_max_backward(&pooling, flow->dy, flow->kept, all);
        slopes = all;
    }
    cn_bundle_sums sums = sums_of(&placed, step, &p->back, !placed.up, weight_of(&placed, flow, step), 0,
                                  cn_convolving_input_channels(&placed));
    sums.x = slopes;
    sums.y = flow->dx;
    step->kernels->bundle_sums(&sums);
}

/* The smaller image's planes first, first + 1, ... with all of the larger one's. */
static cn_bundle_products products_of(const cn_convolving *layer, const cn_step *step,
                                      const cn_stencil *stencil, size_t first, size_t count, void *sums)
{
    const cn_convolution *c = &layer->convolution;
    size_t kernel = c->kernel_height * c->kernel_width;
    return (cn_bundle_products){.views = stencil->views,
                                .nview = stencil->nview,
                                .out = count,
                                .in = c->channels,
                                .z_plane = c->small_height * c->small_width,
                                .x_plane = c->height * c->width,
                                .sums = value(step, sums, first * c->channels * kernel),
                                .sum_out = c->channels * kernel,
                                .sum_in = kernel};
}

/* The slopes of what was not the largest are 0: a band of all at a time. */
static void gradient_of_bands(const cn_convolving *layer, const cn_flow *flow, const cn_step *step,
                              size_t first, size_t count, void *reals)
{
    const plan *p = flow->plan;
    const cn_pooling whole = cn_convolving_pooling(layer, 1);
    const size_t plane = whole.small_height * whole.small_width;
    void *values = value(step, step->scratch, folded_values(layer));
    for (size_t b = 0; b < p->nband; b++) {
        const band of = band_of(&whole, b);
        const cn_pooling pooling = pooling_of_band(layer, &of);
        cn_bundle_products products = products_of(layer, step, &p->bands[b], first, count, reals);
        products.z_plane = (of.to - of.from) * whole.width;
        for (size_t c = 0; c < count; c++) {
            size_t place = (first + c) * plane + of.first * whole.small_width;
            step->kernels->bundle_max_backward(&pooling, value(step, flow->dy, place),
                                               value(step, flow->kept, place),
                                               value(step, values, c * products.z_plane));
        }
        products.z = values;
        products.x = flow->x;
        step->kernels->bundle_products(&products);
    }
}

void cn_convolving_bundle_gradient(const cn_convolving *layer, const cn_flow *flow, const cn_step *step,
                                   size_t local, void *reals)
{
    const cn_convolving placed = in_flow(layer, flow);
    const plan *p = flow->plan;
    const cn_convolution *c = &placed.convolution;
    const size_t channels = cn_convolving_output_channels(&placed);
    if (local == CN_CONVOLVING_BIAS) {
        step->kernels->bundle_totals(channels, cn_convolving_output_plane(&placed), flow->dy, reals);
        return;
    }
    if (placed.pool > 1) {
        for (size_t first = 0; first < channels; first += PLANES)
            gradient_of_bands(&placed, flow, step, first, least(PLANES, channels - first), reals);
        return;
    }
    void *folded = value(step, step->scratch, folded_values(&placed));
    size_t count = cn_convolution_weights(c);
    if (placed.repeat > 1)
        memset(folded, 0, count * CN_BUNDLE * step->kernels->real_size);
    cn_bundle_products products = products_of(&placed, step, placed.up ? &p->gradient : &p->forward, 0,
                                              c->small_channels, placed.repeat > 1 ? folded : reals);
    products.z = placed.up ? flow->x : flow->dy;
    products.x = placed.up ? flow->dy : flow->x;
    step->kernels->bundle_products(&products);
    if (placed.repeat > 1)
        cn_folding_bundles(&placed.unfolded, placed.repeat, step->kernels, folded, reals);
}
