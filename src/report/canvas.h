/* A page to draw on, in points: shapes, pictures, texts that fit. A picture is made in memory, whole
 * or not at all. */
#ifndef CN_REPORT_CANVAS_H
#define CN_REPORT_CANVAS_H

#include "base/file.h"
#include "report/colour.h"
#include "report/painter.h"

enum { CN_PAGE_WIDTH = 700, CN_MARGIN = 24 }; /* an article's column */

/* Drawing calls return nothing: what fails is kept, and `close` says it. */
typedef struct cn_canvas {
    const cn_painter *painter;
    void *page; /* NULL until it is opened */
    double width, height;
    cn_output output;
    cn_bytes bytes; /* the picture so far */
    size_t room;
    bool failed; /* memory ended */
} cn_canvas;

typedef enum cn_style { CN_TEXT_TITLE, CN_TEXT_HEADING, CN_TEXT_LABEL, CN_TEXT_SMALL } cn_style;
typedef enum cn_align { CN_LEFT, CN_CENTRE, CN_RIGHT } cn_align;

/* The late part that draws; NULL and an error where it is not there. */
const cn_painter *cn_painter_open(cinch_error *error);

/* A canvas is zeroed and given its picture first; then one page is opened, drawn on and closed. */
void cn_canvas_init(cn_canvas *canvas, cn_picture picture);
cinch_status cn_canvas_open(cn_canvas *canvas, double width, double height, cinch_error *error);
/* The picture's bytes are canvas->bytes. */
cinch_status cn_canvas_close(cn_canvas *canvas, cinch_error *error);
void cn_canvas_clear(cn_canvas *canvas);

void cn_canvas_rectangle(cn_canvas *canvas, double x, double y, double width, double height, cn_colour fill);
void cn_canvas_frame(cn_canvas *canvas, double x, double y, double width, double height, cn_colour colour);
void cn_canvas_polygon(cn_canvas *canvas, const double *points, size_t npoint, cn_colour fill);
void cn_canvas_line(cn_canvas *canvas, const double *points, size_t npoint, double thickness, bool dashed,
                    cn_colour colour);
void cn_canvas_segment(cn_canvas *canvas, double x0, double y0, double x1, double y1, double thickness,
                       bool dashed, cn_colour colour);

/* A point of a class: the colours come again with other marks. */
void cn_canvas_mark(cn_canvas *canvas, double x, double y, double radius, size_t class, double opacity);

/* Pixels [rows][columns], sharp where they are enlarged, on every kind of page. */
void cn_canvas_image(cn_canvas *canvas, double x, double y, double width, double height,
                     const cn_colour *pixels, size_t columns, size_t rows);

/* Text on the base line (x, y), escaped, cut with an ellipsis where it is wider than `most`; returns
 * its width. */
double cn_canvas_text(cn_canvas *canvas, cn_style style, cn_align align, double x, double y, double most,
                      const char *text);
/* Upward, its middle at (x, y). */
void cn_canvas_text_up(cn_canvas *canvas, cn_style style, double x, double y, double most, const char *text);
double cn_canvas_text_width(cn_canvas *canvas, cn_style style, const char *text);

/* The figure's name and a line under it; what comes below begins at the y returned. */
double cn_canvas_title(cn_canvas *canvas, const char *title, const char *line);
enum { CN_TITLE_HEIGHT = 62 };

/* A bar of the scale with its ends' numbers, of this width. */
void cn_canvas_scale_bar(cn_canvas *canvas, double x, double y, double width, double low, double high);

#endif
