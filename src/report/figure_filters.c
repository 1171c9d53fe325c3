/* filters: what each unit of the first layer with weights looks for, its weights drawn as a row. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/tile.h"

/* The first weights of the encoder: (out, in), or (out, in, height, width) of a convolution. */
static const cn_parameter *find_weights(const cinch_model *model)
{
    for (size_t i = 0; i < model->nparameter; i++) {
        const cn_parameter *one = &model->parameters[i];
        if (strncmp(one->name, "encoder.", 8) == 0 && (one->shape.rank == 2 || one->shape.rank == 4))
            return one;
    }
    return NULL;
}

static cinch_status check(const cn_spec *spec, const cinch_model *model, cinch_error *error)
{
    (void)spec;
    return find_weights(model) ? CINCH_OK : cn_fail(error, CINCH_USAGE, "the encoder has no weights to draw");
}

/* Weights that meet the row itself are drawn in its shape, their features counted as the file has
 * them: channels first. */
static cn_look look_of(const cn_figure_job *job, const cn_parameter *weights)
{
    const size_t *sizes = weights->shape.sizes;
    cn_look look;
    if (weights->shape.rank == 4)
        look = cn_look_shape((cinch_shape){.rank = 3, .sizes = {sizes[2], sizes[3], sizes[1]}});
    else if (sizes[1] == cn_shape_size(job->model->input))
        look = cn_look_rows(job->model, job->data);
    else
        look = cn_look_shape((cinch_shape){.rank = 1, .sizes = {sizes[1]}});
    look.planes = weights->shape.rank == 4 || job->model->input.rank == 3;
    look.scale = look.channels != 3;
    return look;
}

/* Ends as far from 0 on both sides. */
static void fit_look(cn_look *look, const cn_parameter *weights, size_t count)
{
    cn_look_fit(look, weights->values, count);
    double most = fmax(fabs(look->low), fabs(look->high));
    look->low = -most;
    look->high = most;
}

typedef struct arrangement {
    size_t count, across;
    double step, tile, height;
} arrangement;

/* As near to a square as makes tiles of 34 to 90 points. */
static arrangement arrange(const cn_look *look, size_t count)
{
    double room = CN_PAGE_WIDTH - 2 * CN_MARGIN;
    size_t across = (size_t)ceil(sqrt((double)count * 1.6));
    size_t least = (size_t)ceil(room / 90), most = (size_t)floor(room / 34);
    across = across < least ? least : across > most ? most : across;
    arrangement all = {.count = count, .across = across, .step = room / (double)across};
    all.tile = all.step * 0.93;
    all.height = cn_look_height(look, all.tile) + all.step - all.tile;
    return all;
}

static cinch_status draw(const cn_figure_job *job, cn_canvas *canvas, cinch_error *error)
{
    const cn_parameter *weights = find_weights(job->model);
    size_t units = weights->shape.sizes[0], size = weights->count / units,
           n = cn_job_value(job->spec, "n")->count;
    cn_look look = look_of(job, weights);
    size_t shown = units < n ? units : n;
    fit_look(&look, weights, shown * size);
    arrangement all = arrange(&look, shown);
    size_t lines = (shown + all.across - 1) / all.across;
    cinch_status status = cn_canvas_open(canvas, CN_PAGE_WIDTH,
                                         CN_TITLE_HEIGHT + all.height * (double)lines + CN_MARGIN, error);
    if (status)
        return status;
    char line[256];
    char which[48] = "all its";
    if (shown < units)
        snprintf(which, sizeof which, "the first %zu of", shown);
    snprintf(line, sizeof line, "%s: %s %zu units, %zu weights each%s", weights->name, which, units, size,
             look.image ? "" : ", bars from 0");
    double y = cn_canvas_title(canvas, "What the first layer looks for", line);
    if (look.scale && look.image)
        cn_canvas_scale_bar(canvas, CN_PAGE_WIDTH - CN_MARGIN - 160, 39, 110, look.low, look.high);
    for (size_t i = 0; i < shown; i++)
        cn_tile_draw(canvas, &look, weights->values + i * size,
                     CN_MARGIN + all.step * (double)(i % all.across),
                     y + all.height * (double)(i / all.across), all.tile, all.height - (all.step - all.tile));
    return CINCH_OK;
}

static const cn_option options[] = {
    {.name = "n",
     .type = CN_COUNT,
     .minimum = 1,
     .maximum = 1024,
     .standard = "64",
     .summary = "units at most"},
    CN_FIGURE_AS,
    {.name = NULL},
};

const cn_figure cn_figure_filters = {
    .part = {.name = "filters",
             .summary = "the first layer's weights, each unit's as a row",
             .example = "filters n=64",
             .options = options},
    .check = check,
    .draw = draw,
};
