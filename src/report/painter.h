/* What draws a page: the table of the late part cinch-cairo. One drawing gives PNG, SVG or PDF.
 * Lengths are points from the page's upper left corner; a PNG has two pixels a point. */
#ifndef CN_REPORT_PAINTER_H
#define CN_REPORT_PAINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum cn_picture { CN_PNG, CN_SVG, CN_PDF } cn_picture;

typedef uint32_t cn_colour; /* 0xAARRGGBB, not premultiplied */

typedef struct cn_font {
    double size;
    bool bold;
    cn_colour colour;
} cn_font;

/* Takes the picture's next bytes; false where it cannot. */
typedef bool cn_sink(void *user, const void *bytes, size_t nbytes);

/* Where a page goes; it must outlive the page. */
typedef struct cn_output {
    cn_picture picture;
    cn_sink *sink;
    void *user;
} cn_output;

/* A page is one thread's. A call on a page that failed does nothing: `close` says why. */
typedef struct cn_painter {
    /* A white page; NULL where there is no memory for one. */
    void *(*open)(const cn_output *output, double width, double height);
    void (*rectangle)(void *page, double x, double y, double width, double height, cn_colour fill);
    /* points: x, y, x, y... */
    void (*polygon)(void *page, const double *points, size_t npoint, cn_colour fill);
    void (*line)(void *page, const double *points, size_t npoint, double thickness, bool dashed,
                 cn_colour colour);
    void (*circle)(void *page, double x, double y, double radius, cn_colour fill);
    void (*ring)(void *page, double x, double y, double radius, double thickness, cn_colour colour);
    /* Opaque pixels, [rows][columns], stretched over the rectangle. */
    void (*image)(void *page, double x, double y, double width, double height, const cn_colour *pixels,
                  size_t columns, size_t rows);
    /* UTF-8 without control characters, on the base line at (x, y), turned by quarters of a turn to
     * the left. */
    void (*text)(void *page, double x, double y, int quarters, const char *text, const cn_font *font);
    double (*text_width)(void *page, const char *text, const cn_font *font);
    /* Ends the page, all its bytes given. NULL, or what failed, in words that last. `drop` ends it
     * unfinished. */
    const char *(*close)(void *page, const cn_output *output);
    void (*drop)(void *page);
} cn_painter;

#define CN_PAINTER_SYMBOL "cn_painter_1" /* another number with every change of the table */

#endif
