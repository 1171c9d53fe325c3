/* net: the model from row to code and back, each layer with its shape. */
#include <math.h>
#include <stdio.h>

#include "report/figure.h"

enum { BAND = 46, BAR = 12, MIDDLE = 190, WIDEST = 250, NARROWEST = 26, TEXT = 340, ENDS = 24, BREAK = 40 };

/* A stage is the values between two layers. */
static cinch_shape stage_shape(const cinch_model *model, size_t stage)
{
    return stage == 0 ? model->input : model->nodes[stage - 1].output;
}

/* As wide as its number of values asks, by logarithm: 784 and 32 can both be seen. */
static double stage_width(const cinch_model *model, size_t stage)
{
    double most = 1;
    for (size_t i = 0; i <= model->nnode; i++)
        most = fmax(most, log2(1 + (double)cn_shape_size(stage_shape(model, i))));
    double share = log2(1 + (double)cn_shape_size(stage_shape(model, stage))) / most;
    return NARROWEST + (WIDEST - NARROWEST) * share * share;
}

static void print_shape(cinch_shape shape, char text[200])
{
    size_t length = 0;
    for (size_t i = 0; i < shape.rank; i++)
        length += (size_t)snprintf(text + length, 200 - length, "%s%zu", i ? " × " : "", shape.sizes[i]);
}

/* "25,120" */
static void print_count(size_t count, char text[40])
{
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%zu", count), at = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
}

static void draw_stage(cn_canvas *canvas, const cinch_model *model, size_t stage, double y)
{
    char shape[200], text[240];
    double width = stage_width(model, stage);
    bool code = stage == model->nencoder;
    print_shape(stage_shape(model, stage), shape);
    cn_colour colour = cn_colour_class(code ? 1 : stage < model->nencoder ? 0 : 2);
    cn_canvas_rectangle(canvas, MIDDLE - width / 2, y, width, BAR, colour);
    bool end = code || stage == 0 || stage == model->nnode;
    snprintf(text, sizeof text, "%s%s%s",
             stage == 0 ? "input "
             : code     ? "code "
             : end      ? "output "
                        : "",
             shape, end ? "" : " values");
    cn_canvas_text(canvas, end ? CN_TEXT_HEADING : CN_TEXT_LABEL, CN_LEFT, TEXT, y + 10,
                   CN_PAGE_WIDTH - TEXT - CN_MARGIN, text);
}

static void draw_layer(cn_canvas *canvas, const cinch_model *model, size_t layer, double y)
{
    double above = stage_width(model, layer) / 2, below = stage_width(model, layer + 1) / 2,
           bottom = y + BAND - BAR;
    const double sides[] = {MIDDLE - above, y,      MIDDLE + above, y,
                            MIDDLE + below, bottom, MIDDLE - below, bottom};
    char count[40], text[64];
    size_t nparam = cinch_model_layer(model, layer).nparam;
    cn_colour colour = cn_colour_class(layer < model->nencoder ? 0 : 2);
    cn_canvas_polygon(canvas, sides, 4, cn_colour_fade(colour, 0.16));
    print_count(nparam, count);
    snprintf(text, sizeof text, "%s parameter%s", count, nparam == 1 ? "" : "s");
    double width = cn_canvas_text(canvas, CN_TEXT_LABEL, CN_LEFT, TEXT + 14, y + 21,
                                  CN_PAGE_WIDTH - TEXT - CN_MARGIN - 150, model->specs[layer]);
    if (nparam > 0)
        cn_canvas_text(canvas, CN_TEXT_SMALL, CN_LEFT, TEXT + 14 + width + 12, y + 21, 140, text);
}

/* Of a net too deep for a page the layers in the middle are left out. */
static bool is_left_out(const cinch_model *model, size_t layer)
{
    return model->nnode > 2 * ENDS && layer >= ENDS && layer < model->nnode - ENDS;
}

static void draw_break(cn_canvas *canvas, size_t count, double y)
{
    char text[64];
    snprintf(text, sizeof text, "%zu more layers", count);
    for (int i = -1; i <= 1; i++)
        canvas->painter->circle(canvas->page, MIDDLE, y + BREAK / 2 + 7 * i, 1.8, CN_PALE);
    cn_canvas_text(canvas, CN_TEXT_SMALL, CN_LEFT, TEXT + 14, y + BREAK / 2 + 4, 200, text);
}

static void draw_net(cn_canvas *canvas, const cinch_model *model, double y)
{
    draw_stage(canvas, model, 0, y);
    for (size_t layer = 0; layer < model->nnode; layer++) {
        if (!is_left_out(model, layer)) {
            draw_layer(canvas, model, layer, y + BAR);
            y += BAND;
        } else if (layer == ENDS) {
            draw_break(canvas, model->nnode - 2 * ENDS, y + BAR);
            y += BREAK + BAR;
        }
        if (!is_left_out(model, layer) || layer + 1 == model->nnode - ENDS)
            draw_stage(canvas, model, layer + 1, y);
    }
}

static cinch_status draw(const cn_figure_job *job, cn_canvas *canvas, cinch_error *error)
{
    const cinch_model *model = job->model;
    size_t shown = model->nnode < 2 * ENDS ? model->nnode : 2 * ENDS, nparam = 0;
    double height = CN_TITLE_HEIGHT + BAND * (double)shown + BAR + CN_MARGIN;
    cinch_status status =
        cn_canvas_open(canvas, CN_PAGE_WIDTH, height + (model->nnode > 2 * ENDS ? BREAK + BAR : 0), error);
    if (status)
        return status;
    char line[160], count[40];
    size_t input = cn_shape_size(model->input), code = cn_shape_size(model->code);
    for (size_t i = 0; i < model->nnode; i++)
        nparam += cinch_model_layer(model, i).nparam;
    print_count(nparam, count);
    snprintf(line, sizeof line, "%s parameters; a code of %zu of %zu values; widths by logarithm", count,
             code, input);
    draw_net(canvas, model, cn_canvas_title(canvas, "The net", line));
    return CINCH_OK;
}

static const cn_option options[] = {CN_FIGURE_AS, {.name = NULL}};

const cn_figure cn_figure_net = {
    .part = {.name = "net",
             .summary = "the architecture, layer by layer, with shapes",
             .example = "net",
             .options = options},
    .draw = draw,
};
