#include "report/canvas.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/late.h"
#include "base/memory.h"

enum { FIRST_ROOM = 1 << 14, LONGEST_TEXT = 512, PIXELS_A_POINT = 2, MOST_PIXELS = 1 << 22 };

/* ---- A page ---------------------------------------------------------------------------------------- */

const cn_painter *cn_painter_open(cinch_error *error)
{
    const cn_painter *painter = cn_late_open("cinch-cairo", CN_PAINTER_SYMBOL, error);
    if (!painter)
        cn_fail_prefix(error, "figures: ");
    return painter;
}

/* The bytes' room doubles. */
static bool take_bytes(void *user, const void *bytes, size_t nbytes)
{
    cn_canvas *canvas = user;
    if (nbytes > canvas->room - canvas->bytes.nbytes) {
        size_t room = canvas->room ? canvas->room : FIRST_ROOM;
        while (room - canvas->bytes.nbytes < nbytes && room <= SIZE_MAX / 4)
            room *= 2;
        unsigned char *data = canvas->failed ? NULL : cn_resize(canvas->bytes.data, room, 1, NULL);
        if (!data) {
            canvas->failed = true;
            return false;
        }
        canvas->bytes.data = data;
        canvas->room = room;
    }
    memcpy(canvas->bytes.data + canvas->bytes.nbytes, bytes, nbytes);
    canvas->bytes.nbytes += nbytes;
    return true;
}

void cn_canvas_init(cn_canvas *canvas, cn_picture picture)
{
    *canvas = (cn_canvas){.output = {.picture = picture, .sink = take_bytes, .user = canvas}};
}

cinch_status cn_canvas_open(cn_canvas *canvas, double width, double height, cinch_error *error)
{
    canvas->painter = cn_painter_open(error);
    if (!canvas->painter)
        return CINCH_FAILED;
    canvas->width = width;
    canvas->height = height;
    canvas->page = canvas->painter->open(&canvas->output, width, height);
    return canvas->page ? CINCH_OK
                        : cn_fail(error, CINCH_MEMORY, "out of memory for a page of %.0f x %.0f points",
                                  width, height);
}

cinch_status cn_canvas_close(cn_canvas *canvas, cinch_error *error)
{
    const char *failed = canvas->painter->close(canvas->page, &canvas->output);
    canvas->page = NULL;
    if (canvas->failed)
        return cn_fail(error, CINCH_MEMORY, "out of memory for the picture");
    return failed ? cn_fail(error, CINCH_FAILED, "the picture cannot be drawn: %s", failed) : CINCH_OK;
}

void cn_canvas_clear(cn_canvas *canvas)
{
    if (canvas->page)
        canvas->painter->drop(canvas->page);
    canvas->page = NULL;
    cn_bytes_clear(&canvas->bytes);
}

/* ---- Shapes ---------------------------------------------------------------------------------------- */

void cn_canvas_rectangle(cn_canvas *canvas, double x, double y, double width, double height, cn_colour fill)
{
    canvas->painter->rectangle(canvas->page, x, y, width, height, fill);
}

void cn_canvas_frame(cn_canvas *canvas, double x, double y, double width, double height, cn_colour colour)
{
    const double points[] = {x, y, x + width, y, x + width, y + height, x, y + height, x, y};
    cn_canvas_line(canvas, points, 5, 0.75, false, colour);
}

void cn_canvas_polygon(cn_canvas *canvas, const double *points, size_t npoint, cn_colour fill)
{
    canvas->painter->polygon(canvas->page, points, npoint, fill);
}

void cn_canvas_line(cn_canvas *canvas, const double *points, size_t npoint, double thickness, bool dashed,
                    cn_colour colour)
{
    canvas->painter->line(canvas->page, points, npoint, thickness, dashed, colour);
}

void cn_canvas_segment(cn_canvas *canvas, double x0, double y0, double x1, double y1, double thickness,
                       bool dashed, cn_colour colour)
{
    const double points[] = {x0, y0, x1, y1};
    cn_canvas_line(canvas, points, 2, thickness, dashed, colour);
}

/* Disc, ring, square, triangle: one form for each turn through the colours. */
void cn_canvas_mark(cn_canvas *canvas, double x, double y, double radius, size_t class, double opacity)
{
    cn_colour colour = cn_colour_fade(cn_colour_class(class), opacity);
    double r = radius;
    const double square[] = {x - r, y - r, x + r, y - r, x + r, y + r, x - r, y + r};
    const double triangle[] = {x, y - 1.2 * r, x + 1.1 * r, y + 0.8 * r, x - 1.1 * r, y + 0.8 * r};
    switch (class / CN_CLASS_COLOURS % 4) {
    case 0:
        canvas->painter->circle(canvas->page, x, y, r, colour);
        break;
    case 1:
        canvas->painter->ring(canvas->page, x, y, r, r / 2, colour);
        break;
    case 2:
        cn_canvas_polygon(canvas, square, 4, colour);
        break;
    default:
        cn_canvas_polygon(canvas, triangle, 3, colour);
    }
}

/* ---- Pictures -------------------------------------------------------------------------------------- */

/* How often each pixel is repeated both ways. Who shows an SVG or PDF smooths what it enlarges: so it
 * is enlarged before, to about what a PNG has. */
static size_t repeats(const cn_canvas *canvas, double width, size_t columns, size_t rows)
{
    if (canvas->output.picture == CN_PNG)
        return 1;
    size_t times = (size_t)fmax(1, ceil(width * PIXELS_A_POINT / (double)columns));
    while (times > 1 && times * times * columns * rows > MOST_PIXELS)
        times--;
    return times;
}

void cn_canvas_image(cn_canvas *canvas, double x, double y, double width, double height,
                     const cn_colour *pixels, size_t columns, size_t rows)
{
    size_t times = repeats(canvas, width, columns, rows);
    if (times == 1) {
        canvas->painter->image(canvas->page, x, y, width, height, pixels, columns, rows);
        return;
    }
    cn_colour *large = cn_new(times * times * columns * rows, sizeof *large, NULL);
    canvas->failed |= !large;
    for (size_t r = 0; large && r < times * rows; r++)
        for (size_t c = 0; c < times * columns; c++)
            large[r * times * columns + c] = pixels[r / times * columns + c / times];
    if (large)
        canvas->painter->image(canvas->page, x, y, width, height, large, times * columns, times * rows);
    cn_free(large);
}

/* ---- Texts ----------------------------------------------------------------------------------------- */

static const cn_font fonts[] = {
    [CN_TEXT_TITLE] = {15, true, CN_INK},
    [CN_TEXT_HEADING] = {11.5, true, CN_INK},
    [CN_TEXT_LABEL] = {11.5, false, CN_INK},
    [CN_TEXT_SMALL] = {10.5, false, CN_PALE},
};

static double measure(cn_canvas *canvas, cn_style style, const char *text)
{
    return canvas->painter->text_width(canvas->page, text, &fonts[style]);
}

/* Takes letters off the end until the rest and an ellipsis fit. */
static void shorten(cn_canvas *canvas, cn_style style, double most, char text[LONGEST_TEXT])
{
    size_t length = strlen(text);
    if (measure(canvas, style, text) <= most)
        return;
    do {
        while (length > 0 && ((unsigned char)text[--length] & 0xc0) == 0x80)
            ;
        strcpy(text + length, "…");
    } while (length > 0 && measure(canvas, style, text) > most);
}

static void make_fit(cn_canvas *canvas, cn_style style, double most, const char *text, char fit[LONGEST_TEXT])
{
    cn_escape(text, fit, LONGEST_TEXT - sizeof "…");
    shorten(canvas, style, most, fit);
}

double cn_canvas_text_width(cn_canvas *canvas, cn_style style, const char *text)
{
    char shown[LONGEST_TEXT];
    cn_escape(text, shown, sizeof shown);
    return measure(canvas, style, shown);
}

double cn_canvas_text(cn_canvas *canvas, cn_style style, cn_align align, double x, double y, double most,
                      const char *text)
{
    char fit[LONGEST_TEXT];
    make_fit(canvas, style, most, text, fit);
    double width = measure(canvas, style, fit);
    double shift = align == CN_LEFT ? 0 : align == CN_CENTRE ? width / 2 : width;
    canvas->painter->text(canvas->page, x - shift, y, 0, fit, &fonts[style]);
    return width;
}

void cn_canvas_text_up(cn_canvas *canvas, cn_style style, double x, double y, double most, const char *text)
{
    char fit[LONGEST_TEXT];
    make_fit(canvas, style, most, text, fit);
    double width = measure(canvas, style, fit);
    canvas->painter->text(canvas->page, x, y + width / 2, 1, fit, &fonts[style]);
}

double cn_canvas_title(cn_canvas *canvas, const char *title, const char *line)
{
    double most = canvas->width - 2 * CN_MARGIN;
    cn_canvas_text(canvas, CN_TEXT_TITLE, CN_LEFT, CN_MARGIN, 30, most, title);
    cn_canvas_text(canvas, CN_TEXT_SMALL, CN_LEFT, CN_MARGIN, 47, most, line);
    return CN_TITLE_HEIGHT;
}

void cn_canvas_scale_bar(cn_canvas *canvas, double x, double y, double width, double low, double high)
{
    enum { STEPS = 64 };
    cn_colour pixels[STEPS];
    char text[32];
    for (size_t i = 0; i < STEPS; i++)
        pixels[i] = cn_colour_scale((double)i / (STEPS - 1));
    snprintf(text, sizeof text, "%.3g", low);
    cn_canvas_text(canvas, CN_TEXT_SMALL, CN_RIGHT, x - 5, y + 8.5, 60, text);
    cn_canvas_image(canvas, x, y, width, 9, pixels, STEPS, 1);
    cn_canvas_frame(canvas, x, y, width, 9, CN_FRAME);
    snprintf(text, sizeof text, "%.3g", high);
    cn_canvas_text(canvas, CN_TEXT_SMALL, CN_LEFT, x + width + 5, y + 8.5, 60, text);
}
