/* Scalers: scaled = (x - offset) * scale, fitted in double, kept in the model. */
#ifndef CN_DATA_SCALER_H
#define CN_DATA_SCALER_H

#include "base/error.h"

typedef enum cn_scale {
    CN_SCALE_AUTO,
    CN_SCALE_NONE,
    CN_SCALE_UNIT,
    CN_SCALE_MINMAX,
    CN_SCALE_STANDARD
} cn_scale;
extern const char *const cn_scale_names[]; /* "auto", "none", "unit", "minmax", "standard", NULL */

typedef struct cn_scaler {
    cn_scale kind; /* never auto once fitted */
    size_t features;
    bool uniform;           /* one offset and scale for all: the arrays have one element */
    double *offset, *scale; /* [features] or [1], finite */
    double *fill; /* what a missing value becomes, scaled, [features]; NULL where missing is refused */
} cn_scaler;

/* Fits to rows [0, nrow) of data. unit: 1/maximum of the type (255, 65535; 1 for bool and floats; 127 and
 * 32767 for the signed; refused for wider integers); minmax and standard (population deviation) per
 * feature; a constant feature gets scale 0. auto: unit for bool, 8- and 16-bit integers and images (rank >
 * 2), else standard. With mean_for_missing, NaN values are left out of the fit and `fill` is made (the
 * feature's mean, scaled). */
cinch_status cn_scaler_fit(cn_scaler *scaler, cn_scale kind, const cinch_data *data, size_t nrow,
                           bool mean_for_missing, cinch_error *error);
void cn_scaler_clear(cn_scaler *scaler);

/* values[nrow][features] back to original units: x = scaled / scale + offset; scale 0
 * gives offset. `far`: as cn_values_unscale has it. */
void cn_scaler_invert(const cn_scaler *scaler, size_t nrow, const float *scaled, size_t stride, bool far,
                      float *values);

/* JSON {"kind":"unit","offset":[0],"scale":[0.00392...]} (numbers that read back exactly; "fill" where
 * there is one), and back from it with every count checked against `features` (a scaler may have 1 or that
 * many). */
char *cn_scaler_print(const cn_scaler *scaler, cinch_error *error);
cinch_status cn_scaler_parse(cn_scaler *scaler, const char *json, size_t features, cinch_error *error);

#endif
