/* compare: rows, their codes and their reconstructions under each other. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "report/tile.h"

enum { INPUT, NOISY, RECONSTRUCTION, CODE, NKIND };
enum { MOST_LINES = 8, MOST_WIDE = 110, TITLE_ROOM = 20, LINE_GAP = 14 };

static const char *const kinds[NKIND] = {"input", "noisy", "reconstruction", "code"};

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
                           "rows = %.80s: \"%.*s\" is none of input, noisy, reconstruction, code", text,
                           length < 40 ? (int)length : 40, word);
        if (*count == MOST_LINES)
            return cn_fail(error, CINCH_USAGE, "rows = %.80s: more than %d", text, MOST_LINES);
        lines[(*count)++] = kind;
        word += length;
        if (*word == '\0')
            return CINCH_OK;
    }
}

/* code=HxW, or auto: an image of one channel as it is, one of several as its channels side by side, in about
 * as many lines as columns; else one line. */
static cinch_status read_code(const cn_spec *spec, const cinch_model *model, cn_look *look, cn_look *whole,
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
    if (strcmp(text, "auto") == 0) {
        size_t across = (size_t)ceil(sqrt((double)look->channels));
        *whole = *look;
        whole->width *= across;
        whole->height *= (look->channels + across - 1) / across;
        whole->channels = 1;
        return CINCH_OK;
    }
    cinch_status status = cn_value_parse(&side, text, &value, error);
    if (status)
        return status;
    if (value.size.height * value.size.width != width)
        return cn_fail(error, CINCH_USAGE, "code = %s has %zu values, the model's code %zu", text,
                       value.size.height * value.size.width, width);
    *look = cn_look_shape((cinch_shape){.rank = 2, .sizes = {value.size.height, value.size.width}});
    look->scale = true;
    *whole = *look;
    return CINCH_OK;
}

static cinch_status check(const cn_spec *spec, const cinch_model *model, cinch_error *error)
{
    size_t lines[MOST_LINES], count;
    cn_look look, whole;
    cinch_status status = read_lines(cn_job_value(spec, "rows")->text, lines, &count, error);
    for (size_t i = 0; i < count && !status; i++)
        if (lines[i] == NOISY)
            status = cn_check_noisy(model, error);
    return status ? status : read_code(spec, model, &look, &whole, error);
}

/* ---- Drawing --------------------------------------------------------------------------------------- */

typedef struct comparison {
    size_t lines[MOST_LINES], nline, nrow;
    float *values[NKIND]; /* NULL where no line is of the kind */
    cn_look looks[NKIND];
    cn_look code;      /* one channel of it */
    double step, tile; /* from one column to the next, and how wide each is drawn */
} comparison;

static bool shows(const comparison *all, size_t kind)
{
    for (size_t i = 0; i < all->nline; i++)
        if (all->lines[i] == kind)
            return true;
    return false;
}

static void widen(cn_look *look, const float *values, size_t count)
{
    cn_look other = *look;
    cn_look_fit(&other, values, count);
    look->low = fmin(look->low, other.low);
    look->high = fmax(look->high, other.high);
}

/* Where noisy rows are shown, reconstructions are of those. All are as light as the inputs beside them. */
static cinch_status fill_rows(const cn_figure_job *job, comparison *all, cinch_error *error)
{
    float **made = &all->values[RECONSTRUCTION];
    cn_look *rows = &all->looks[INPUT];
    cinch_status status = CINCH_OK;
    all->values[INPUT] = cn_job_rows(job, all->nrow, error);
    if (!all->values[INPUT])
        return CINCH_MEMORY;
    *rows = cn_look_rows(job->model, job->data);
    cn_look_prepare(rows, job->model, all->values[INPUT], all->nrow);
    if (shows(all, NOISY))
        status = cn_job_noisy(job, job->model, all->nrow, &all->values[NOISY], made, error);
    else if (shows(all, RECONSTRUCTION) &&
             !(*made = cn_job_reconstructions(job, job->model, all->nrow, error)))
        status = CINCH_FAILED;
    for (size_t kind = NOISY; kind <= RECONSTRUCTION; kind++) {
        if (!all->values[kind])
            continue;
        cn_look_scale(rows, job->model, all->values[kind], all->nrow);
        if (!rows->image)
            widen(rows, all->values[kind], all->nrow * job->data->features);
    }
    all->looks[NOISY] = all->looks[RECONSTRUCTION] = *rows;
    return status;
}

/* A code's channels from beside one another in each pixel to images of their own, laid side by side; what is
 * left of the last line is as dark as can be. */
static float *lay_out(const cn_look *code, const cn_look *whole, const float *codes, size_t nrow,
                      cinch_error *error)
{
    size_t size = whole->height * whole->width, across = whole->width / code->width;
    float *laid = cn_new(nrow * size, sizeof *laid, error);
    for (size_t i = 0; laid && i < nrow * size; i++) {
        size_t row = i / size, y = i % size / whole->width, x = i % whole->width;
        size_t channel = y / code->height * across + x / code->width,
               pixel = y % code->height * code->width + x % code->width,
               count = code->height * code->width * code->channels;
        laid[i] = channel < code->channels ? codes[row * count + pixel * code->channels + channel]
                                           : (float)whole->low;
    }
    return laid;
}

static cinch_status fill_codes(const cn_figure_job *job, comparison *all, cinch_error *error)
{
    float *codes = cn_job_codes(job, job->model, all->nrow, error);
    if (!codes)
        return CINCH_FAILED;
    cn_look_fit(&all->looks[CODE], codes, all->nrow * cn_shape_size(job->model->code));
    all->values[CODE] = lay_out(&all->code, &all->looks[CODE], codes, all->nrow, error);
    cn_free(codes);
    return all->values[CODE] ? CINCH_OK : CINCH_MEMORY;
}

static cinch_status fill(const cn_figure_job *job, comparison *all, cinch_error *error)
{
    cinch_status status = fill_rows(job, all, error);
    return status || !shows(all, CODE) ? status : fill_codes(job, all, error);
}

static double line_height(const comparison *all, size_t kind)
{
    return TITLE_ROOM + cn_look_height(&all->looks[kind], all->tile) + LINE_GAP;
}

static void title_code(const cn_figure_job *job, const comparison *all, char text[96])
{
    const cn_look *code = &all->code;
    int length = snprintf(text, 96, "Code, %zu values drawn ", cn_shape_size(job->model->code));
    if (length > 0 && code->channels > 1)
        snprintf(text + length, 96 - (size_t)length, "as %zu channels of %zu × %zu", code->channels,
                 code->height, code->width);
    else if (length > 0)
        snprintf(text + length, 96 - (size_t)length, "%zu × %zu", code->height, code->width);
}

static void title_line(const cn_figure_job *job, const comparison *all, cn_canvas *canvas, size_t kind,
                       double y)
{
    static const char *const titles[NKIND] = {"Input", "Input with noise", "Reconstruction", "Code"};
    char text[96];
    const cn_look *look = &all->looks[kind];
    bool mended = kind == RECONSTRUCTION && shows(all, NOISY);
    if (kind == CODE)
        title_code(job, all, text);
    else
        snprintf(text, sizeof text, "%s%s%s", titles[kind], mended ? " of the input with noise" : "",
                 look->image ? "" : ", scaled");
    cn_canvas_text(canvas, CN_TEXT_HEADING, CN_LEFT, CN_MARGIN, y + 10, 400, text);
    if (kind == CODE)
        cn_canvas_scale_bar(canvas, canvas->width - CN_MARGIN - 160, y + 1, 110, look->low, look->high);
}

static void draw_lines(const cn_figure_job *job, const comparison *all, cn_canvas *canvas, double y)
{
    for (size_t i = 0; i < all->nline; i++) {
        size_t kind = all->lines[i];
        const cn_look *look = &all->looks[kind];
        size_t size = kind == CODE ? look->height * look->width : job->data->features;
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
        status = read_code(job->spec, job->model, &all.code, &all.looks[CODE], error);
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
     .summary = "what is drawn of each, from the top: input, reconstruction, code; noisy: corrupted by the "
                "model's own noise, and reconstructed from that"},
    {.name = "code",
     .type = CN_TEXT,
     .standard = "auto",
     .summary = "the code as an image, such as 4x8; auto: its own shape, channels side by side, or one line"},
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
