/* A figure: a picture drawn of a run, figure_NAME.c. */
#ifndef CN_REPORT_FIGURE_H
#define CN_REPORT_FIGURE_H

#include "base/spec.h"

typedef struct cn_figure {
    cn_part part;
} cn_figure;

extern const cn_figure *const cn_figures[];   /* NULL-terminated, made by the build */

#endif
