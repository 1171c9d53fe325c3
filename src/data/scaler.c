/* Scalers: fitted to the training rows, carried by the model, applied to every later row. */
#include "data/scaler.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/data.h"
#include "data/values.h"
#include "format/json.h"

static cinch_status allocate(cn_scaler *scaler, cn_scale kind, size_t features, bool uniform, bool fill,
                             cinch_error *error)
{
    size_t count = uniform ? 1 : features;

    *scaler = (cn_scaler){.kind = kind, .features = features, .uniform = uniform};
    scaler->offset = cn_new(count, sizeof(double), error);
    scaler->scale = cn_new(count, sizeof(double), error);
    if (fill)
        scaler->fill = cn_new(features, sizeof(double), error);
    if (scaler->offset != NULL && scaler->scale != NULL && (!fill || scaler->fill != NULL))
        return CINCH_OK;
    cn_scaler_clear(scaler);
    return CINCH_MEMORY;
}

void cn_scaler_clear(cn_scaler *scaler)
{
    cn_free(scaler->offset);
    cn_free(scaler->scale);
    cn_free(scaler->fill);
    *scaler = (cn_scaler){.kind = CN_SCALE_AUTO};
}

/* ---- Fitting ------------------------------------------------------------------------------------------- */

/* The largest value of a type whose values `unit` brings to [0, 1] or [-1, 1]; 0 where that has no use. */
static double type_maximum(cinch_type type)
{
    static const double maxima[] = {
        [CINCH_BOOL] = 1,    [CINCH_U8] = 255, [CINCH_I8] = 127, [CINCH_U16] = 65535,
        [CINCH_I16] = 32767, [CINCH_F16] = 1,  [CINCH_F32] = 1,  [CINCH_F64] = 1,
    };
    return maxima[type];
}

static cn_scale automatic_kind(const cinch_data *data)
{
    size_t size = cn_type_size(data->array.type);
    bool narrow = size == 1 || (size == 2 && data->array.type != CINCH_F16);

    return narrow || data->array.shape.rank > 2 ? CN_SCALE_UNIT : CN_SCALE_STANDARD;
}

/* What is known of a feature; a NaN is left out. */
typedef struct statistic {
    double count, minimum, maximum, mean;
    double deviation; /* of the population */
} statistic;

static void add_row(statistic *statistics, const double *values, size_t features)
{
    for (size_t f = 0; f < features; f++) {
        if (isnan(values[f]))
            continue;
        statistics[f].count++;
        statistics[f].minimum = fmin(statistics[f].minimum, values[f]);
        statistics[f].maximum = fmax(statistics[f].maximum, values[f]);
        statistics[f].mean += values[f];
    }
}

/* deviation = sqrt((sum of d^2 - (sum of d)^2 / n) / n) with d = x - mean: the second term takes out what
 * rounding left in the mean. Sums stand in `squares` and `rests` until the last row. */
static void add_deviations(const statistic *statistics, const double *values, size_t features,
                           double *squares, double *rests)
{
    for (size_t f = 0; f < features; f++) {
        double d = isnan(values[f]) ? 0 : values[f] - statistics[f].mean;
        squares[f] += d * d;
        rests[f] += d;
    }
}

/* Two passes over the rows; `work` is three rows of doubles, zero but for the first. */
static void measure(statistic *statistics, const cinch_data *data, size_t nrow, double *work)
{
    const size_t features = data->features;
    double *values = work, *squares = work + features, *rests = squares + features;

    for (size_t f = 0; f < features; f++)
        statistics[f] = (statistic){0, INFINITY, -INFINITY, 0, 0};
    for (size_t row = 0; row < nrow; row++) {
        cn_data_values(data, row * features, features, values);
        add_row(statistics, values, features);
    }
    for (size_t f = 0; f < features; f++)
        statistics[f].mean /= statistics[f].count;
    for (size_t row = 0; row < nrow; row++) {
        cn_data_values(data, row * features, features, values);
        add_deviations(statistics, values, features, squares, rests);
    }
    for (size_t f = 0; f < features; f++) {
        double n = statistics[f].count, variance = (squares[f] - rests[f] * rests[f] / n) / n;
        statistics[f].deviation = sqrt(fmax(variance, 0));
    }
}

/* offset and scale of one feature by its statistic. A constant one gets its value and 0. */
static void set_feature(cn_scaler *scaler, size_t f, const statistic *known)
{
    double range = known->maximum - known->minimum;

    if (scaler->kind == CN_SCALE_MINMAX) {
        scaler->offset[f] = known->minimum;
        scaler->scale[f] = range > 0 ? 1 / range : 0;
    } else {
        scaler->offset[f] = range > 0 ? known->mean : known->minimum;
        scaler->scale[f] = range > 0 ? 1 / known->deviation : 0;
    }
}

static cinch_status set_features(cn_scaler *scaler, const statistic *statistics, const cinch_data *data,
                                 cinch_error *error)
{
    char name[CN_FEATURE_ROOM];

    for (size_t f = 0; f < scaler->features; f++) {
        size_t at = scaler->uniform ? 0 : f;
        if (statistics[f].count == 0)
            return cn_fail(error, CINCH_BAD_INPUT, "%s: %s has no values: leave it out (see --columns)",
                           data->source, cn_data_feature(data, f, name));
        if (!scaler->uniform)
            set_feature(scaler, f, &statistics[f]);
        if (!isfinite(scaler->offset[at]) || !isfinite(scaler->scale[at]))
            return cn_fail(error, CINCH_BAD_INPUT, "%s: %s cannot be scaled: its values run from %g to %g",
                           data->source, cn_data_feature(data, f, name), statistics[f].minimum,
                           statistics[f].maximum);
        if (scaler->fill != NULL)
            scaler->fill[f] = (statistics[f].mean - scaler->offset[at]) * scaler->scale[at];
    }
    return CINCH_OK;
}

static cinch_status fit_features(cn_scaler *scaler, const cinch_data *data, size_t nrow, cinch_error *error)
{
    cinch_status status = CINCH_MEMORY;
    statistic *statistics = cn_new(data->features, sizeof *statistics, error);
    double *work = cn_new(data->features, 3 * sizeof *work, error);

    if (statistics != NULL && work != NULL) {
        measure(statistics, data, nrow, work);
        status = set_features(scaler, statistics, data, error);
    }
    cn_free(statistics);
    cn_free(work);
    return status;
}

cinch_status cn_scaler_fit(cn_scaler *scaler, cn_scale kind, const cinch_data *data, size_t nrow,
                           bool mean_for_missing, cinch_error *error)
{
    double maximum = type_maximum(data->array.type);
    bool fill = mean_for_missing && cinch_data_type(data) >= CINCH_F16;

    if (kind == CN_SCALE_AUTO)
        kind = automatic_kind(data);
    bool uniform = kind == CN_SCALE_NONE || kind == CN_SCALE_UNIT;
    if (kind == CN_SCALE_UNIT && maximum == 0)
        return cn_fail(
            error, CINCH_BAD_INPUT,
            "%s: scale = unit has no use for %s, whose values need not fill their type; say scale = minmax",
            data->source, cinch_type_name(data->array.type));

    cinch_status status = allocate(scaler, kind, data->features, uniform, fill, error);
    if (status == CINCH_OK && uniform)
        scaler->scale[0] = kind == CN_SCALE_UNIT ? 1 / maximum : 1;
    if (status == CINCH_OK && (!uniform || fill))
        status = fit_features(scaler, data, nrow, error);
    if (status != CINCH_OK)
        cn_scaler_clear(scaler);
    return status;
}

/* ---- Undoing ------------------------------------------------------------------------------------------- */

void cn_scaler_invert(const cn_scaler *scaler, size_t nrow, const float *scaled, size_t stride, bool far,
                      float *values)
{
    const size_t features = scaler->features;

    for (size_t row = 0; row < nrow; row++, scaled += stride, values += features)
        cn_values_unscale(scaled, features, scaler->offset, scaler->scale, !scaler->uniform, far, values);
}

/* ---- As JSON ------------------------------------------------------------------------------------------- */

static void add_numbers(cn_text *text, const char *name, const double *numbers, size_t count)
{
    cn_text_add(text, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            cn_text_add_bytes(text, ",", 1);
        cn_text_add_number(text, numbers[i]);
    }
    cn_text_add_bytes(text, "]", 1);
}

char *cn_scaler_print(const cn_scaler *scaler, cinch_error *error)
{
    size_t count = scaler->uniform ? 1 : scaler->features;
    cn_text text = {0};

    cn_text_add(&text, "{\"kind\":\"%s\"", cn_scale_names[scaler->kind]);
    add_numbers(&text, "offset", scaler->offset, count);
    add_numbers(&text, "scale", scaler->scale, count);
    if (scaler->fill != NULL)
        add_numbers(&text, "fill", scaler->fill, scaler->features);
    cn_text_add_bytes(&text, "}", 1);
    return cn_text_take(&text, error);
}

static cinch_status read_kind(json_t *json, cn_scale *kind, cinch_error *error)
{
    const char *text = json_string_value(json);

    for (int i = CN_SCALE_NONE; text != NULL && i <= CN_SCALE_STANDARD; i++) {
        if (strcmp(text, cn_scale_names[i]) == 0) {
            *kind = (cn_scale)i;
            return CINCH_OK;
        }
    }
    return cn_fail(error, CINCH_BAD_INPUT, "scaler: kind \"%.40s\" is unknown", text != NULL ? text : "");
}

static cinch_status read_numbers(json_t *json, const char *name, double *numbers, size_t count,
                                 cinch_error *error)
{
    if (json_array_size(json) != count)
        return cn_fail(error, CINCH_BAD_INPUT, "scaler: %s has %zu numbers, not %zu", name,
                       json_array_size(json), count);
    for (size_t i = 0; i < count; i++) {
        json_t *number = json_array_get(json, i);
        if (!json_is_number(number))
            return cn_fail(error, CINCH_BAD_INPUT, "scaler: %s %zu is not a number", name, i);
        numbers[i] = json_number_value(number);
    }
    return CINCH_OK;
}

static cinch_status read_scaler(cn_scaler *scaler, json_t *root, size_t features, cinch_error *error)
{
    json_t *offset = json_object_get(root, "offset"), *scale = json_object_get(root, "scale");
    json_t *fill = json_object_get(root, "fill");
    size_t count = json_array_size(offset);
    cn_scale kind = CN_SCALE_NONE;
    cinch_status status = read_kind(json_object_get(root, "kind"), &kind, error);

    if (status != CINCH_OK)
        return status;
    if (count != 1 && count != features)
        return cn_fail(error, CINCH_BAD_INPUT, "scaler: offset has %zu numbers, neither 1 nor %zu", count,
                       features);
    if (json_object_size(root) != (fill != NULL ? 4 : 3))
        return cn_fail(error, CINCH_BAD_INPUT, "scaler: has other keys than kind, offset, scale and fill");
    status = allocate(scaler, kind, features, count == 1, fill != NULL, error);
    if (status == CINCH_OK)
        status = read_numbers(offset, "offset", scaler->offset, count, error);
    if (status == CINCH_OK)
        status = read_numbers(scale, "scale", scaler->scale, count, error);
    if (status == CINCH_OK && fill != NULL)
        status = read_numbers(fill, "fill", scaler->fill, features, error);
    return status;
}

cinch_status cn_scaler_parse(cn_scaler *scaler, const char *json, size_t features, cinch_error *error)
{
    size_t length = strlen(json);
    json_t *root = NULL;

    *scaler = (cn_scaler){.kind = CN_SCALE_AUTO};
    cinch_status status = cn_json_parse(json, length, length, "scaler", &cn_limits_standard, &root, error);
    if (status == CINCH_OK)
        status = read_scaler(scaler, root, features, error);
    cn_json_free(root);
    if (status != CINCH_OK)
        cn_scaler_clear(scaler);
    return status;
}

const char *const cn_scale_names[] = {"auto", "none", "unit", "minmax", "standard", NULL};
