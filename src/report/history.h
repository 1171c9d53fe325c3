/* The losses of each epoch, out of a model's history, as curves. */
#ifndef CN_REPORT_HISTORY_H
#define CN_REPORT_HISTORY_H

#include "model/model.h"
#include "report/chart.h"

enum { CN_CURVE_TRAIN, CN_CURVE_VALIDATION, CN_NCURVE };

/* A column that the history lacks is NaN. */
typedef struct cn_history {
    double *epochs, *losses[CN_NCURVE];
    size_t count;
} cn_history;

/* At least one epoch, or CINCH_BAD_INPUT. Clear it after a failure too; zeroed before. */
cinch_status cn_history_read(const cinch_model *model, cn_history *all, cinch_error *error);
void cn_history_clear(cn_history *all);

/* Of all losses: logarithmic where they span much. */
cn_axis cn_history_axis(const cn_history *all);

/* The place of the least validation loss; count where there is none. */
size_t cn_history_best(const cn_history *all);

#endif
