/* compare: rows, their codes and their reconstructions under each other. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "report/tile.h"

enum { INPUT, RECONSTRUCTION, CODE, NKIND, MOST_LINES = 8, MOST_WIDE = 110, TITLE_ROOM = 20, LINE_GAP = 14 };

static const char *const kinds[NKIND] = {"input", "reconstruction", "code"};

/* ---- What is asked for ----------------------------------------------------------------------------- */

/* The words of rows=A,B,C in their order; an error names the word. */
static cinch_status read_lines(const char *text, size_t lines[MOST_LINES], size_t *count, cinch_error *error)
{
    *count = 0;
    for (const char *word = text;; word++) {
        size_t length = strcspn(word, ","), kind = 0;
        while (kind < NKIND && (strlen(kinds[kind]) != length || strncmp(kinds[kind], word, length) != 0))
            kind++;
        if (kind == NKIND)
            return cn_fail(error, CINCH_USAGE,
                           "rows = %.80s: \"%.*s\" is none of input, reconstruction, code", text,
                           length < 40 ? (int)length : 40, word);
        if (*count == MOST_LINES)
            return cn_fail(error, CINCH_USAGE, "rows = %.80s: more than %d", text, MOST_LINES);
        lines[(*count)++] = kind;
        word += length;
        if (*word == '\0')
            return CINCH_OK;
    }
}

/* code=HxW; 0x0 where it was left out, which only the default is. */
static cinch_status read_code(const cn_spec *spec, const cinch_model *model, cn_look *look,
                              cinch_error *error)
{
    static const cn_option side = {.name = "code", .type = CN_SIZE, .minimum = 1, .maximum = 4096};
    const char *text = cn_job_value(spec, "code")->text;
    size_t width = cn_shape_size(model->code);
    cn_value value;
    *look = cn_look_shape(model->code);
    if (!look->image)
        *look = cn_look_shape((cinch_shape){.rank = 2, .sizes = {1, width}});
    look->scale = true;
    if (strcmp(text, "auto") == 0)
        return CINCH_OK;
    cinch_status status = cn_value_parse(&side, text, &value, error);
    if (status)
        return status;
    if (value.size.height * value.size.width != width)
        return cn_fail(error, CINCH_USAGE, "code = %s has %zu values, the model's code %zu", text,
                       value.size.height * value.size.width, width);
    *look = cn_look_shape((cinch_shape){.rank = 2, .sizes = {value.size.height, value.size.width}});
    look->scale = true;
    return CINCH_OK;
}

static cinch_status check(const cn_spec *spec, const cinch_model *model, cinch_error *error)
{
    size_t lines[MOST_LINES], count;
    cn_look look;
    cinch_status status = read_lines(cn_job_value(spec, "rows")->text, lines, &count, error);
    return status ? status : read_code(spec, model, &look, error);
}

/* ---- Drawing --------------------------------------------------------------------------------------- */

typedef struct comparison {
    size_t lines[MOST_LINES], nline, nrow;
    float *values[NKIND]; /* NULL where no line is of the kind */
    cn_look looks[NKIND];
    double step, tile; /* from one column to the next, and how wide each is drawn */
} comparison;

static bool shows(const comparison *all, size_t kind)
{
    for (size_t i = 0; i < all->nline; i++)
        if (all->lines[i] == kind)
            return true;
    return false;
}

/* Reconstructions are as light as the inputs beside them. */
static cinch_status fill(const cn_figure_job *job, comparison *all, cinch_error *error)
{
    cn_look *rows = &all->looks[INPUT];
    all->values[INPUT] = cn_job_rows(job, all->nrow, error);
    if (!all->values[INPUT])
        return CINCH_MEMORY;
    *rows = cn_look_rows(job->model, job->data);
    cn_look_prepare(rows, job->model, all->values[INPUT], all->nrow);
    if (shows(all, RECONSTRUCTION)) {
        all->values[RECONSTRUCTION] = cn_job_reconstructions(job, job->model, all->nrow, error);
        if (!all->values[RECONSTRUCTION])
            return CINCH_FAILED;
        cn_look_scale(rows, job->model, all->values[RECONSTRUCTION], all->nrow);
        if (!rows->image) {
            cn_look other = *rows;
            cn_look_fit(&other, all->values[RECONSTRUCTION], all->nrow * job->data->features);
            rows->low = fmin(rows->low, other.low);
            rows->high = fmax(rows->high, other.high);
        }
    }
    all->looks[RECONSTRUCTION] = *rows;
    if (!shows(all, CODE))
        return CINCH_OK;
    all->values[CODE] = cn_job_codes(job, job->model, all->nrow, error);
    if (!all->values[CODE])
        return CINCH_FAILED;
    cn_look_fit(&all->looks[CODE], all->values[CODE], all->nrow * cn_shape_size(job->model->code));
    return CINCH_OK;
}

static double line_height(const comparison *all, size_t kind)
{
    return TITLE_ROOM + cn_look_height(&all->looks[kind], all->tile) + LINE_GAP;
}

static void title_line(const cn_figure_job *job, const comparison *all, cn_canvas *canvas, size_t kind,
                       double y)
{
    static const char *const titles[NKIND] = {"Input", "Reconstruction", "Code"};
    char text[96];
    cn_look look = all->looks[kind];
    if (kind == CODE)
        snprintf(text, sizeof text, "Code, %zu values drawn %zu × %zu", cn_shape_size(job->model->code),
                 look.height, look.width * (look.image ? 1 : look.height));
    else
        snprintf(text, sizeof text, "%s%s", titles[kind], look.image ? "" : ", scaled");
    cn_canvas_text(canvas, CN_TEXT_HEADING, CN_LEFT, CN_MARGIN, y + 10, 400, text);
    if (kind == CODE)
        cn_canvas_scale_bar(canvas, canvas->width - CN_MARGIN - 160, y + 1, 110, look.low, look.high);
}

static void draw_lines(const cn_figure_job *job, const comparison *all, cn_canvas *canvas, double y)
{
    for (size_t i = 0; i < all->nline; i++) {
        size_t kind = all->lines[i];
        const cn_look *look = &all->looks[kind];
        size_t size = kind == CODE ? cn_shape_size(job->model->code) : job->data->features;
        double height = cn_look_height(look, all->tile);
        title_line(job, all, canvas, kind, y);
        for (size_t r = 0; r < all->nrow; r++)
            cn_tile_draw(canvas, look, all->values[kind] + r * size, CN_MARGIN + (double)r * all->step,
                         y + TITLE_ROOM, all->tile, height);
        y += line_height(all, kind);
    }
}

static cinch_status draw_page(const cn_figure_job *job, comparison *all, cn_canvas *canvas,
                              cinch_error *error)
{
    double height = CN_TITLE_HEIGHT;
    all->step = fmin((CN_PAGE_WIDTH - 2 * CN_MARGIN) / (double)all->nrow, MOST_WIDE);
    all->tile = all->step * 0.92;
    for (size_t i = 0; i < all->nline; i++)
        height += line_height(all, all->lines[i]);
    cinch_status status = cn_canvas_open(canvas, CN_PAGE_WIDTH, height + 4, error);
    if (status)
        return status;
    char line[320];
    snprintf(line, sizeof line, "the first %zu row%s of %.240s", all->nrow, all->nrow == 1 ? "" : "s",
             cn_job_source(job));
    draw_lines(job, all, canvas, cn_canvas_title(canvas, "What the model makes of its input", line));
    return CINCH_OK;
}

static cinch_status draw(const cn_figure_job *job, cn_canvas *canvas, cinch_error *error)
{
    comparison all = {0};
    size_t rows = cinch_data_rows(job->data), wanted = cn_job_value(job->spec, "n")->count;
    all.nrow = wanted < rows ? wanted : rows;
    cinch_status status = read_lines(cn_job_value(job->spec, "rows")->text, all.lines, &all.nline, error);
    if (!status)
        status = read_code(job->spec, job->model, &all.looks[CODE], error);
    if (!status && !(status = fill(job, &all, error)))
        status = draw_page(job, &all, canvas, error);
    for (size_t kind = 0; kind < NKIND; kind++)
        cn_free(all.values[kind]);
    return status;
}

static const cn_option options[] = {
    {.name = "n",
     .type = CN_COUNT,
     .minimum = 1,
     .maximum = 40,
     .standard = "10",
     .summary = "how many rows"},
    {.name = "rows",
     .type = CN_TEXT,
     .standard = "input,reconstruction",
     .summary = "what is drawn of each, from the top: input, reconstruction, code"},
    {.name = "code",
     .type = CN_TEXT,
     .standard = "auto",
     .summary = "the code as an image, such as 4x8; auto: its own shape, or one line"},
    CN_FIGURE_AS,
    {.name = NULL},
};

const cn_figure cn_figure_compare = {
    .part = {.name = "compare",
             .summary = "rows, their reconstructions and codes under each other",
             .example = "compare n=10 rows=input,reconstruction,code code=auto",
             .options = options},
    .rows = true,
    .check = check,
    .draw = draw,
};
