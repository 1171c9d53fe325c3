/* A row, a code or a weight vector drawn small: as an image where its shape is one, else as bars. */
#ifndef CN_REPORT_TILE_H
#define CN_REPORT_TILE_H

#include "report/figure.h"

typedef struct cn_look {
    bool image;                     /* else bars */
    size_t height, width, channels; /* of an image; bars: width values */
    bool scale;                     /* by the scale of colours, else grey, or red-green-blue of 3 channels */
    bool planes;                    /* the values' order is channels, height, width */
    double low, high;               /* the values that are darkest and lightest, or the bars' ends */
} cn_look;

/* How rows of the model look, with the data (may be NULL) they come from: the data's own shape, else
 * the model's; flat rows of square size whose scaler is `unit` are square images. low and high are
 * left 0. */
cn_look cn_look_rows(const cinch_model *model, const cinch_data *data);
cn_look cn_look_shape(cinch_shape shape);

/* low and high over all values that are finite; where they are all one, still apart. `bars` begin at
 * 0. */
void cn_look_fit(cn_look *look, const float *values, size_t count);

/* Makes rows ready to be drawn: bars show them as the model's scaler gives them, so that columns of
 * different units can be compared. Then low and high: of the type's whole range under `unit`, else of
 * these rows. */
void cn_look_prepare(cn_look *look, const cinch_model *model, float *rows, size_t nrow);
/* The first half alone, for rows to be compared with those. */
void cn_look_scale(const cn_look *look, const cinch_model *model, float *rows, size_t nrow);

/* The look's size for a width: images keep their proportions (within reason). */
double cn_look_height(const cn_look *look, double width);

/* Draws it into the rectangle. */
void cn_tile_draw(cn_canvas *canvas, const cn_look *look, const float *values, double x, double y,
                  double width, double height);

#endif
