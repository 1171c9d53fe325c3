#include "report/history.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

enum { MOST_COLUMNS = 16, RATIO_FOR_LOG = 8 };

static size_t count_lines(const char *text)
{
    size_t count = 0;
    for (; (text = strchr(text, '\n')); text++)
        count++;
    return count;
}

/* The place of a column in the first line; MOST_COLUMNS where it has none. */
static size_t find_column(const char *line, const char *name)
{
    for (size_t column = 0; column < MOST_COLUMNS; column++) {
        size_t length = strcspn(line, ",\r\n");
        if (length == strlen(name) && strncmp(line, name, length) == 0)
            return column;
        if (line[length] != ',')
            break;
        line += length + 1;
    }
    return MOST_COLUMNS;
}

static double read_cell(const char *line, size_t column)
{
    char cell[64];
    double value;
    for (; column > 0; column--) {
        line += strcspn(line, ",\r\n");
        if (*line++ != ',')
            return NAN;
    }
    size_t length = strcspn(line, ",\r\n");
    if (length >= sizeof cell)
        return NAN;
    memcpy(cell, line, length);
    cell[length] = '\0';
    return cn_text_number(cell, &value) ? value : NAN;
}

void cn_history_clear(cn_history *all)
{
    cn_free(all->epochs);
    for (size_t i = 0; i < CN_NCURVE; i++)
        cn_free(all->losses[i]);
}

cinch_status cn_history_read(const cinch_model *model, cn_history *all, cinch_error *error)
{
    static const char *const names[CN_NCURVE] = {"train_loss", "validation_loss"};
    const char *text = model->history;
    size_t room = text ? count_lines(text) + 1 : 0, columns[CN_NCURVE];
    const char *line = room ? strchr(text, '\n') : NULL;
    if (!line || !line[1])
        return cn_fail(error, CINCH_BAD_INPUT, "the model has no history");
    all->epochs = cn_new(room, sizeof *all->epochs, error);
    for (size_t i = 0; i < CN_NCURVE; i++) {
        columns[i] = find_column(text, names[i]);
        all->losses[i] = cn_new(room, sizeof **all->losses, error);
    }
    if (!all->epochs || !all->losses[CN_CURVE_TRAIN] || !all->losses[CN_CURVE_VALIDATION])
        return CINCH_MEMORY;
    for (line++; *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : "") {
        all->epochs[all->count] = read_cell(line, 0);
        for (size_t i = 0; i < CN_NCURVE; i++)
            all->losses[i][all->count] = read_cell(line, columns[i]);
        all->count += isfinite(all->epochs[all->count]) ? 1 : 0;
    }
    if (all->count == 0)
        return cn_fail(error, CINCH_BAD_INPUT, "the model has no history");
    return CINCH_OK;
}

cn_axis cn_history_axis(const cn_history *all)
{
    cn_axis axis = {.low = INFINITY, .high = -INFINITY, .title = "loss"};
    for (size_t i = 0; i < CN_NCURVE; i++)
        for (size_t e = 0; e < all->count; e++)
            if (isfinite(all->losses[i][e])) {
                axis.low = fmin(axis.low, all->losses[i][e]);
                axis.high = fmax(axis.high, all->losses[i][e]);
            }
    if (axis.low > axis.high)
        axis.low = axis.high = 0;
    axis.logarithmic = axis.low > 0 && axis.high / axis.low > RATIO_FOR_LOG;
    if (axis.logarithmic)
        axis.title = "loss, logarithmic";
    cn_axis_widen(&axis, 0.05);
    return axis;
}

size_t cn_history_best(const cn_history *all)
{
    size_t best = all->count;
    for (size_t e = 0; e < all->count; e++)
        if (isfinite(all->losses[CN_CURVE_VALIDATION][e]) &&
            (best == all->count ||
             all->losses[CN_CURVE_VALIDATION][e] < all->losses[CN_CURVE_VALIDATION][best]))
            best = e;
    return best;
}
