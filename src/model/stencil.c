#include "model/stencil.h"

#include <string.h>

#include "base/memory.h"

/* What one place sees: where, the first of these, and through which cell of the window; in the order in which
 * the planes' correlations add it (model/convolution.h), so that both give the same bits. */
typedef struct sight {
    size_t count, first;
    size_t places[CN_MOST_CELLS], taps[CN_MOST_CELLS], turns[CN_MOST_CELLS];
} sight;

/* Whether row `small` of the smaller image meets row `large` of the larger one with a cell of the window. */
static bool meets(size_t small, size_t large, size_t stride, size_t before, size_t kernel, size_t *cell)
{
    *cell = large + before - small * stride;
    return large + before >= small * stride && *cell < kernel;
}

/* A cell's turn: down, those of one remainder of the stride after the other, as its planes lie. */
static size_t turn_of(const cn_convolution *c, bool up, size_t a, size_t b)
{
    size_t s = up ? 1 : c->stride, rows = c->kernel_height / s + 1, columns = c->kernel_width / s + 1;
    return ((a % s * s + b % s) * rows + a / s) * columns + b / s;
}

static void see(sight *seen, size_t place, size_t tap, size_t turn)
{
    size_t i = seen->count++;
    for (; i > 0 && seen->turns[i - 1] > turn; i--) {
        seen->places[i] = seen->places[i - 1];
        seen->taps[i] = seen->taps[i - 1];
        seen->turns[i] = seen->turns[i - 1];
    }
    seen->places[i] = place;
    seen->taps[i] = tap;
    seen->turns[i] = turn;
    seen->first = seen->count == 1 || place < seen->first ? place : seen->first;
}

static void look(const cn_convolution *c, bool up, size_t row, size_t column, sight *seen)
{
    size_t rows = up ? c->small_height : c->height, columns = up ? c->small_width : c->width, a, b;
    seen->count = seen->first = 0;
    for (size_t h = 0; h < rows; h++) {
        if (!(up ? meets(h, row, c->stride, c->top, c->kernel_height, &a)
                 : meets(row, h, c->stride, c->top, c->kernel_height, &a)))
            continue;
        for (size_t w = 0; w < columns; w++)
            if (up ? meets(w, column, c->stride, c->left, c->kernel_width, &b)
                   : meets(column, w, c->stride, c->left, c->kernel_width, &b))
                see(seen, h * columns + w, a * c->kernel_width + b, turn_of(c, up, a, b));
    }
}

static bool alike(const cn_view *view, const sight *seen)
{
    if (view->ncell != seen->count)
        return false;
    for (size_t c = 0; c < seen->count; c++)
        if (view->taps[c] != seen->taps[c] || view->offsets[c] != seen->places[c] - seen->first)
            return false;
    return true;
}

static cn_view *add_view(cn_stencil *stencil, const sight *seen, cinch_error *error)
{
    cn_view *views = cn_resize(stencil->views, stencil->nview + 1, sizeof *views, error);
    if (!views)
        return NULL;
    stencil->views = views;
    cn_view *view = &views[stencil->nview++];
    *view = (cn_view){.ncell = seen->count};
    size_t *cells = cn_new(2 * (seen->count + 1), sizeof *cells, error);
    view->offsets = cells;
    if (!cells)
        return NULL;
    view->taps = cells + seen->count;
    for (size_t c = 0; c < seen->count; c++) {
        cells[c] = seen->places[c] - seen->first;
        cells[seen->count + c] = seen->taps[c];
    }
    return view;
}

/* One more place of the view: it goes on its last run, or begins one. A run's second place says its steps:
 * along a row, or from row to row at an image's edge. Runs have room for powers of two. */
static cinch_status add_place(cn_view *view, size_t x, size_t y, cinch_error *error)
{
    cn_run *runs = (cn_run *)view->runs, *last = view->nrun ? &runs[view->nrun - 1] : NULL;
    if (last && last->count == 1) {
        last->x_step = x - last->x;
        last->y_step = y - last->y;
    }
    if (last && x == last->x + last->count * last->x_step && y == last->y + last->count * last->y_step) {
        last->count++;
        return CINCH_OK;
    }
    if ((view->nrun & (view->nrun - 1)) == 0) {
        if (!(runs = cn_resize(runs, view->nrun ? 2 * view->nrun : 1, sizeof *runs, error)))
            return CINCH_MEMORY;
        view->runs = runs;
    }
    runs[view->nrun++] = (cn_run){.count = 1, .x = x, .y = y};
    return CINCH_OK;
}

/* A row of places, those of one remainder of the stride after the other: alike are places of one
 * remainder. */
static cinch_status add_row(cn_stencil *stencil, const cn_convolution *c, bool up, size_t row, size_t y,
                            cinch_error *error)
{
    size_t width = up ? c->width : c->small_width, step = up ? c->stride : 1;
    for (size_t first = 0; first < step; first++)
        for (size_t column = first; column < width; column += step) {
            sight seen;
            look(c, up, row, column, &seen);
            cn_view *view = stencil->views, *end = view + stencil->nview;
            while (view < end && !alike(view, &seen))
                view++;
            if (view == end && !(view = add_view(stencil, &seen, error)))
                return CINCH_MEMORY;
            if (add_place(view, seen.first, y + column, error))
                return CINCH_MEMORY;
        }
    return CINCH_OK;
}

cinch_status cn_stencil_new(cn_stencil *stencil, const cn_convolution *c, bool up, size_t first, size_t count,
                            cinch_error *error)
{
    size_t width = up ? c->width : c->small_width;
    *stencil = (cn_stencil){0};
    for (size_t row = 0; row < count; row++)
        if (add_row(stencil, c, up, first + row, row * width, error)) {
            cn_stencil_clear(stencil);
            return CINCH_MEMORY;
        }
    return CINCH_OK;
}

void cn_stencil_clear(cn_stencil *stencil)
{
    for (size_t v = 0; v < stencil->nview; v++) {
        cn_free((void *)stencil->views[v].offsets);
        cn_free((void *)stencil->views[v].runs);
    }
    cn_free(stencil->views);
    *stencil = (cn_stencil){0};
}
