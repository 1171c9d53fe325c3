#include "report/tile.h"

#include <math.h>

#include "base/memory.h"

enum { MOST_BARS = 128, SMALLEST_SQUARE = 8, MOST_SIDE = 4096 };

/* ---- How it looks ---------------------------------------------------------------------------------- */

/* A vector is bars; two sizes are an image; the third is its channels, what is beyond them makes it no
 * image. */
cn_look cn_look_shape(cinch_shape shape)
{
    cn_look look = {.width = cn_shape_size(shape), .height = 1, .channels = 1};
    if (shape.rank != 2 && shape.rank != 3)
        return look;
    if (shape.sizes[0] > MOST_SIDE || shape.sizes[1] > MOST_SIDE)
        return look;
    look.image = true;
    look.height = shape.sizes[0];
    look.width = shape.sizes[1];
    look.channels = shape.rank == 3 ? shape.sizes[2] : 1;
    return look;
}

static cinch_shape row_shape(const cinch_data *data)
{
    cinch_shape shape = data->array.shape, row = {.rank = shape.rank - 1};
    for (size_t i = 1; i < shape.rank; i++)
        row.sizes[i - 1] = shape.sizes[i];
    return row;
}

cn_look cn_look_rows(const cinch_model *model, const cinch_data *data)
{
    cn_look look = cn_look_shape(data ? row_shape(data) : model->input);
    if (!look.image)
        look = cn_look_shape(model->input);
    size_t side = (size_t)lround(sqrt((double)look.width));
    if (!look.image && model->scaler.kind == CN_SCALE_UNIT && side >= SMALLEST_SQUARE &&
        side * side == look.width)
        look = cn_look_shape((cinch_shape){.rank = 2, .sizes = {side, side}});
    return look;
}

void cn_look_fit(cn_look *look, const float *values, size_t count)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i])) {
            low = fmin(low, (double)values[i]);
            high = fmax(high, (double)values[i]);
        }
    if (low > high)
        low = high = 0;
    if (!look->image) {
        low = fmin(low, 0);
        high = fmax(high, 0);
    }
    look->low = low;
    look->high = high > low ? high : low + 1;
}

void cn_look_scale(const cn_look *look, const cinch_model *model, float *rows, size_t nrow)
{
    const cn_scaler *scaler = &model->scaler;
    if (look->image)
        return;
    for (size_t i = 0; i < nrow * scaler->features; i++) {
        size_t f = scaler->uniform ? 0 : i % scaler->features;
        rows[i] = (float)(((double)rows[i] - scaler->offset[f]) * scaler->scale[f]);
    }
}

void cn_look_prepare(cn_look *look, const cinch_model *model, float *rows, size_t nrow)
{
    const cn_scaler *scaler = &model->scaler;
    cn_look_scale(look, model, rows, nrow);
    cn_look_fit(look, rows, nrow * scaler->features);
    if (look->image && scaler->kind == CN_SCALE_UNIT && scaler->scale[0] > 0) {
        look->low = scaler->offset[0];
        look->high = scaler->offset[0] + 1 / scaler->scale[0];
    }
}

double cn_look_height(const cn_look *look, double width)
{
    if (!look->image)
        return 0.75 * width;
    double height = width * (double)look->height / (double)look->width;
    return fmax(fmin(height, 3 * width), fmin(9, width));
}

/* ---- Images ---------------------------------------------------------------------------------------- */

static double value_at(const cn_look *look, const float *values, size_t pixel, size_t channel)
{
    size_t place =
        look->planes ? channel * look->height * look->width + pixel : pixel * look->channels + channel;
    return ((double)values[place] - look->low) / (look->high - look->low);
}

/* Three channels are red, green and blue, a fourth is left out; other numbers are averaged. */
static cn_colour pixel_colour(const cn_look *look, const float *values, size_t pixel)
{
    if (!look->scale && (look->channels == 3 || look->channels == 4)) {
        cn_colour colour = 0xff000000;
        for (size_t c = 0; c < 3; c++)
            colour |= (cn_colour_grey(value_at(look, values, pixel, c)) & 255) << (8 * (2 - c));
        return colour;
    }
    double sum = 0;
    for (size_t c = 0; c < look->channels; c++)
        sum += value_at(look, values, pixel, c) / (double)look->channels;
    return look->scale ? cn_colour_scale(sum) : cn_colour_grey(sum);
}

static void draw_image(cn_canvas *canvas, const cn_look *look, const float *values, double x, double y,
                       double width, double height)
{
    size_t count = look->height * look->width;
    cn_colour *pixels = cn_new(count, sizeof *pixels, NULL);
    canvas->failed |= !pixels;
    for (size_t i = 0; pixels && i < count; i++)
        pixels[i] = pixel_colour(look, values, i);
    if (pixels)
        cn_canvas_image(canvas, x, y, width, height, pixels, look->width, look->height);
    cn_free(pixels);
}

/* ---- Bars ------------------------------------------------------------------------------------------ */

/* From zero up or down; many values share bars, each as far as its largest. */
static void draw_bars(cn_canvas *canvas, const cn_look *look, const float *values, double x, double y,
                      double width, double height)
{
    size_t count = look->width < MOST_BARS ? look->width : MOST_BARS;
    double step = width / (double)count, unit = height / (look->high - look->low),
           zero = y + look->high * unit;
    cn_canvas_rectangle(canvas, x, y, width, height, 0xfff4f4f4);
    for (size_t i = 0; i < count; i++) {
        double value = 0;
        for (size_t j = i * look->width / count; j < (i + 1) * look->width / count; j++)
            if (fabs((double)values[j]) > fabs(value))
                value = (double)values[j];
        value = fmin(fmax(value, look->low), look->high);
        cn_canvas_rectangle(canvas, x + step * ((double)i + 0.1), fmin(zero, zero - value * unit), 0.8 * step,
                            fabs(value) * unit, cn_colour_class(value < 0));
    }
    cn_canvas_segment(canvas, x, zero, x + width, zero, 0.5, false, CN_PALE);
}

void cn_tile_draw(cn_canvas *canvas, const cn_look *look, const float *values, double x, double y,
                  double width, double height)
{
    if (look->image)
        draw_image(canvas, look, values, x, y, width, height);
    else
        draw_bars(canvas, look, values, x, y, width, height);
}
