/* The painter, by cairo. It is built as an object of its own, calls nothing of Cinch but the sink that
 * it is given, and keeps nothing: a page is a cairo_t. */
#include <limits.h>
#include <math.h>

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <cairo.h>

#include "report/painter.h"

enum { PIXELS_A_POINT = 2 };

/* ---- A page ---------------------------------------------------------------------------------------- */

static cairo_status_t give(void *output, const unsigned char *bytes, unsigned nbytes)
{
    const cn_output *to = output;
    return to->sink(to->user, bytes, nbytes) ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

static cairo_surface_t *make_surface(const cn_output *output, double width, double height)
{
    void *to = (void *)(uintptr_t)output;
    if (output->picture == CN_SVG)
        return cairo_svg_surface_create_for_stream(give, to, width, height);
    if (output->picture == CN_PDF) {
        cairo_surface_t *surface = cairo_pdf_surface_create_for_stream(give, to, width, height);
        cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE,
                                       ""); /* equal runs, equal files */
        return surface;
    }
    return cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)ceil(width * PIXELS_A_POINT),
                                      (int)ceil(height * PIXELS_A_POINT));
}

/* The same letters at the same places on every kind of page: no hints that fit them to pixels. */
static void set_fonts(cairo_t *cairo)
{
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    cairo_set_font_options(cairo, options);
    cairo_font_options_destroy(options);
}

static void *open_page(const cn_output *output, double width, double height)
{
    cairo_surface_t *surface = make_surface(output, width, height);
    cairo_t *cairo = cairo_create(surface);
    cairo_surface_destroy(surface);
    if (cairo_status(cairo) != CAIRO_STATUS_SUCCESS) {
        cairo_destroy(cairo);
        return NULL;
    }
    if (output->picture == CN_PNG)
        cairo_scale(cairo, PIXELS_A_POINT, PIXELS_A_POINT);
    set_fonts(cairo);
    cairo_set_source_rgb(cairo, 1, 1, 1);
    cairo_paint(cairo);
    return cairo;
}

static const char *close_page(void *page, const cn_output *output)
{
    cairo_surface_t *surface = cairo_get_target(page);
    cairo_status_t status = cairo_status(page);
    if (status == CAIRO_STATUS_SUCCESS && output->picture == CN_PNG)
        status = cairo_surface_write_to_png_stream(surface, give, (void *)(uintptr_t)output);
    cairo_surface_finish(surface);
    if (status == CAIRO_STATUS_SUCCESS)
        status = cairo_surface_status(surface);
    cairo_destroy(page);
    return status == CAIRO_STATUS_SUCCESS ? NULL : cairo_status_to_string(status);
}

static void drop_page(void *page)
{
    cairo_destroy(page);
}

/* ---- Shapes ---------------------------------------------------------------------------------------- */

static void set_colour(cairo_t *cairo, cn_colour colour)
{
    cairo_set_source_rgba(cairo, (colour >> 16 & 255) / 255.0, (colour >> 8 & 255) / 255.0,
                          (colour & 255) / 255.0, (colour >> 24) / 255.0);
}

static void rectangle(void *page, double x, double y, double width, double height, cn_colour fill)
{
    set_colour(page, fill);
    cairo_rectangle(page, x, y, width, height);
    cairo_fill(page);
}

static void trace(cairo_t *cairo, const double *points, size_t npoint)
{
    cairo_new_path(cairo);
    for (size_t i = 0; i < npoint; i++)
        cairo_line_to(cairo, points[2 * i], points[2 * i + 1]);
}

static void polygon(void *page, const double *points, size_t npoint, cn_colour fill)
{
    trace(page, points, npoint);
    set_colour(page, fill);
    cairo_fill(page);
}

static void line(void *page, const double *points, size_t npoint, double thickness, bool dashed,
                 cn_colour colour)
{
    const double dashes[] = {4, 3};
    trace(page, points, npoint);
    set_colour(page, colour);
    cairo_set_line_width(page, thickness);
    cairo_set_line_join(page, CAIRO_LINE_JOIN_ROUND);
    cairo_set_dash(page, dashes, dashed ? 2 : 0, 0);
    cairo_stroke(page);
}

static void circle(void *page, double x, double y, double radius, cn_colour fill)
{
    cairo_new_path(page);
    cairo_arc(page, x, y, radius, 0, 2 * M_PI);
    set_colour(page, fill);
    cairo_fill(page);
}

static void ring(void *page, double x, double y, double radius, double thickness, cn_colour colour)
{
    cairo_new_path(page);
    cairo_arc(page, x, y, radius, 0, 2 * M_PI);
    set_colour(page, colour);
    cairo_set_line_width(page, thickness);
    cairo_set_dash(page, NULL, 0, 0);
    cairo_stroke(page);
}

/* ---- Images ---------------------------------------------------------------------------------------- */

/* Drawn from a copy: an SVG or PDF page keeps its sources to the end. Large pixels stay sharp, many
 * are averaged. */
static void image(void *page, double x, double y, double width, double height, const cn_colour *pixels,
                  size_t columns, size_t rows)
{
    if (columns > SHRT_MAX || rows > SHRT_MAX || columns == 0 || rows == 0)
        return;
    cairo_surface_t *source = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)columns, (int)rows);
    unsigned char *bytes = cairo_image_surface_get_data(source);
    size_t stride = bytes ? (size_t)cairo_image_surface_get_stride(source) : 0;
    for (size_t r = 0; r < rows && bytes; r++) {
        uint32_t *to = (uint32_t *)(void *)(bytes + r * stride);
        for (size_t c = 0; c < columns; c++)
            to[c] = pixels[r * columns + c];
    }
    cairo_surface_mark_dirty(source);
    cairo_save(page);
    cairo_translate(page, x, y);
    cairo_scale(page, width / (double)columns, height / (double)rows);
    cairo_set_source_surface(page, source, 0, 0);
    bool shrinks = width * PIXELS_A_POINT < (double)columns;
    cairo_pattern_set_filter(cairo_get_source(page), shrinks ? CAIRO_FILTER_BEST : CAIRO_FILTER_NEAREST);
    cairo_pattern_set_extend(cairo_get_source(page), CAIRO_EXTEND_PAD);
    cairo_rectangle(page, 0, 0, (double)columns, (double)rows);
    cairo_fill(page);
    cairo_restore(page);
    cairo_surface_destroy(source);
}

/* ---- Text ------------------------------------------------------------------------------------------ */

static void set_font(cairo_t *cairo, const cn_font *font)
{
    cairo_select_font_face(cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           font->bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cairo, font->size);
}

static void text(void *page, double x, double y, int quarters, const char *text, const cn_font *font)
{
    cairo_save(page);
    set_font(page, font);
    set_colour(page, font->colour);
    cairo_translate(page, x, y);
    cairo_rotate(page, -quarters * M_PI / 2);
    cairo_move_to(page, 0, 0);
    cairo_show_text(page, text);
    cairo_restore(page);
}

static double text_width(void *page, const char *text, const cn_font *font)
{
    cairo_text_extents_t extents;
    set_font(page, font);
    cairo_text_extents(page, text, &extents);
    return extents.x_advance;
}

extern const cn_painter cn_painter_1;
__attribute__((visibility("default"))) const cn_painter cn_painter_1 = {
    .open = open_page,
    .rectangle = rectangle,
    .polygon = polygon,
    .line = line,
    .circle = circle,
    .ring = ring,
    .image = image,
    .text = text,
    .text_width = text_width,
    .close = close_page,
    .drop = drop_page,
};
