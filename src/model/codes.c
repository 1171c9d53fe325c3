/* Codes that no row was encoded to: drawn, along a line, over a grid. */
#include "model/codes.h"

#include <math.h>

#include "model/model.h"

bool cinch_model_generates(const cinch_model *model)
{
    size_t last = model->nencoder;
    while (last > 0 && (!model->nodes[last - 1].layer->mirror || model->nodes[last - 1].layer->renames))
        last--;
    return last > 0 && model->nodes[last - 1].layer->drawn;
}

cinch_status cn_codes_check(const cinch_model *model, cinch_error *error)
{
    if (cinch_model_generates(model))
        return CINCH_OK;
    return cn_fail(error, CINCH_USAGE,
                   "the model's code has no distribution to draw from: its encoder does not end in a "
                   "variational layer");
}

void cinch_codes_draw(uint64_t seed, size_t first, size_t nrow, size_t width, float *codes)
{
    for (size_t r = 0; r < nrow; r++) {
        cn_random random = cn_random_at(seed, CN_DRAW_CODE, 0, 0, first + r);
        for (size_t j = 0; j < width; j++)
            codes[r * width + j] = (float)cn_random_normal(&random, (uint32_t)j);
    }
}

void cinch_codes_line(const float *from, const float *to, size_t nrow, size_t width, float *codes)
{
    for (size_t r = 0; r < nrow; r++) {
        double share = nrow > 1 ? (double)r / (double)(nrow - 1) : 0;
        for (size_t j = 0; j < width; j++)
            codes[r * width + j] = (float)((1 - share) * (double)from[j] + share * (double)to[j]);
    }
}

/* The x that normal numbers are above with probability p <= 1/2, by Newton's method from 0: the distribution
 * function is concave right of it, so that the steps come nearer from below. */
static double upper_quantile(double p)
{
    const double root_half = 0.707106781186547524401, root_two_pi = 2.506628274631000502416;
    double x = 0;
    for (int step = 0; step < 40; step++)
        x += (erfc(x * root_half) / 2 - p) * root_two_pi * exp(x * x / 2);
    return x;
}

double cn_normal_quantile(double p)
{
    return p < 0.5 ? -upper_quantile(p) : upper_quantile(1 - p);
}

void cinch_codes_grid(size_t side, float *codes)
{
    for (size_t i = 0; i < side * side; i++) {
        codes[2 * i] = (float)cn_normal_quantile(((double)(i % side) + 0.5) / (double)side);
        codes[2 * i + 1] = (float)cn_normal_quantile(((double)(side - 1 - i / side) + 0.5) / (double)side);
    }
}
