/* Rows: read from a file or taken from memory, kept in their own type, made into batches of scaled floats. */
#include "data/data.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/memory.h"
#include "base/recipe.h"
#include "data/donut.h"
#include "data/values.h"
#include "format/table.h"

/* ---- Making -------------------------------------------------------------------------------------------- */

/* An object around an array, which it takes over, or leaves on failure. */
static cinch_data *make_data(cn_array *array, bool borrowed, const char *source, cinch_error *error)
{
    cinch_data *data = cn_new(1, sizeof *data, error);

    if (data == NULL)
        return NULL;
    data->source = cn_copy_text(source, error);
    if (data->source == NULL) {
        cn_free(data);
        return NULL;
    }
    data->features = 1;
    for (size_t i = 1; i < array->shape.rank; i++)
        data->features *= array->shape.sizes[i];
    data->borrowed = borrowed;
    data->array = *array;
    *array = (cn_array){.values = NULL};
    return data;
}

static cinch_status check_shape(cinch_type type, cinch_shape shape, size_t *nbytes, cinch_error *error)
{
    if (type < CINCH_BOOL || type > CINCH_F64)
        return cn_fail(error, CINCH_USAGE, "data: unknown type %d", (int)type);
    if (shape.rank < 1 || shape.rank > CINCH_MAX_RANK)
        return cn_fail(error, CINCH_USAGE, "data: rank %zu; it must be 1 to %d, rows first", shape.rank,
                       CINCH_MAX_RANK);
    for (size_t i = 0; i < shape.rank; i++) {
        if (shape.sizes[i] == 0)
            return cn_fail(error, CINCH_USAGE, "data: no values: size %zu of its shape is 0", i);
    }
    if (!cn_shape_nbytes(shape, cn_type_size(type), nbytes))
        return cn_fail(error, CINCH_USAGE, "data: the shape is too large");
    return CINCH_OK;
}

cinch_data *cinch_data_new(cinch_type type, cinch_shape shape, const void *values, cinch_error *error)
{
    cn_array array = {.type = type, .shape = shape};
    cinch_data *data = NULL;
    size_t nbytes;

    if (check_shape(type, shape, &nbytes, error) != CINCH_OK)
        return NULL;
    array.values = cn_new(nbytes, 1, error);
    if (array.values != NULL) {
        memcpy(array.values, values, nbytes);
        data = make_data(&array, false, "data", error);
    }
    cn_array_clear(&array);
    return data;
}

cinch_data *cinch_data_view(cinch_type type, cinch_shape shape, const void *values, cinch_error *error)
{
    cn_array array = {.type = type, .shape = shape, .values = (void *)values};
    size_t nbytes;

    if (check_shape(type, shape, &nbytes, error) != CINCH_OK)
        return NULL;
    return make_data(&array, true, "data", error);
}

void cinch_data_free(cinch_data *data)
{
    if (data == NULL)
        return;
    if (data->borrowed)
        data->array.values = NULL;
    cn_array_clear(&data->array);
    cn_free(data->source);
    cn_free(data);
}

/* ---- Columns and labels of arrays that are not text ---------------------------------------------------- */

/* The feature columns in their order: those of the list, or all but the label. */
static cinch_status find_features(const cn_columns *columns, const cn_format_options *options, size_t label,
                                  size_t **chosen, size_t *nchosen, cinch_error *error)
{
    if (options->columns != NULL)
        return cn_columns_choose(columns, options->columns, chosen, nchosen, error);
    *nchosen = 0;
    *chosen = cn_new(columns->count, sizeof **chosen, error);
    if (*chosen == NULL)
        return CINCH_MEMORY;
    for (size_t i = 0; i < columns->count; i++) {
        if (i != label)
            (*chosen)[(*nchosen)++] = i;
    }
    return CINCH_OK;
}

static cinch_status take_label(cn_array *array, size_t column, size_t ncolumn, const char *source,
                               cinch_error *error)
{
    size_t rows = array->shape.sizes[0], size = cn_type_size(array->type);
    double *numbers = cn_new(rows, sizeof *numbers, error);

    if (numbers == NULL)
        return CINCH_MEMORY;
    for (size_t row = 0; row < rows; row++)
        cn_values_read(array->type, (unsigned char *)array->values + (row * ncolumn + column) * size, 1,
                       &numbers[row]);
    cinch_status status = cn_classes_number(array, numbers, rows, source, error);
    cn_free(numbers);
    return status;
}

/* Puts the chosen columns in the place of all. */
static cinch_status keep_columns(cn_array *array, const size_t *chosen, size_t nchosen, size_t ncolumn,
                                 cinch_error *error)
{
    size_t rows = array->shape.sizes[0], size = cn_type_size(array->type);
    unsigned char *kept = cn_new(rows * nchosen, size, error), *to = kept;

    if (kept == NULL)
        return CINCH_MEMORY;
    for (size_t row = 0; row < rows; row++) {
        const unsigned char *from = (const unsigned char *)array->values + row * ncolumn * size;
        for (size_t i = 0; i < nchosen; i++, to += size)
            memcpy(to, from + chosen[i] * size, size);
    }
    if (array->bytes.data == NULL)
        cn_free(array->values);
    cn_bytes_clear(&array->bytes);
    array->values = kept;
    array->shape = (cinch_shape){2, {rows, nchosen}};
    return CINCH_OK;
}

static cinch_status choose_columns(cn_array *array, const cn_format_options *options, cinch_error *error)
{
    size_t ncolumn = array->shape.rank == 2 ? array->shape.sizes[1] : 1, label = ncolumn, nchosen = 0;
    cn_columns columns = {options->source, NULL, ncolumn};
    cinch_status status = CINCH_OK;
    size_t *chosen = NULL;

    if (options->columns == NULL && options->label == NULL)
        return CINCH_OK;
    if (array->shape.rank > 2)
        return cn_fail(error, CINCH_BAD_INPUT,
                       "%s: has %zu dimensions; columns and labels are chosen of tables only",
                       options->source, array->shape.rank);
    status = cn_columns_find_label(&columns, options, &label, error);
    if (status == CINCH_OK)
        status = find_features(&columns, options, label, &chosen, &nchosen, error);
    if (status == CINCH_OK && label < ncolumn)
        status = take_label(array, label, ncolumn, options->source, error);
    if (status == CINCH_OK)
        status = keep_columns(array, chosen, nchosen, ncolumn, error);
    cn_free(chosen);
    return status;
}

/* ---- Loading ------------------------------------------------------------------------------------------- */

static cinch_status refuse_empty(const cn_array *array, const char *source, cinch_error *error)
{
    if (array->shape.sizes[0] == 0)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: has no rows", source);
    for (size_t i = 1; i < array->shape.rank; i++) {
        if (array->shape.sizes[i] == 0)
            return cn_fail(error, CINCH_BAD_INPUT, "%s: its rows have no values", source);
    }
    return CINCH_OK;
}

/* A file of its own with one label a row: numbers of any format, or a text table of one column. */
static cinch_status read_label_array(cn_array *labels, const cn_format_options *options, cinch_error *error)
{
    size_t nvalue = 1, rows = labels->shape.sizes[0];

    for (size_t i = 0; i < labels->shape.rank; i++)
        nvalue *= labels->shape.sizes[i];
    if (labels->table ? nvalue != 0 : nvalue != rows)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: is not one label a row", options->source);
    return labels->table ? CINCH_OK : take_label(labels, 0, 1, options->source, error);
}

static cinch_status load_labels(cn_array *array, const char *path, const char *source, cinch_error *error)
{
    cn_format_options options = {
        .limits = &cn_limits_standard, .source = path, .label = "0", .missing_is_nan = true};
    cn_array labels;
    cinch_status status = cn_array_read(path, &options, &labels, error);

    if (status == CINCH_OK)
        status = read_label_array(&labels, &options, error);
    if (status == CINCH_OK && labels.shape.sizes[0] != array->shape.sizes[0])
        status = cn_fail(error, CINCH_BAD_INPUT, "%s: has %zu labels for the %zu rows of %s", path,
                         labels.shape.sizes[0], array->shape.sizes[0], source);
    if (status == CINCH_OK) {
        array->labels = labels.labels;
        array->classes = labels.classes;
        array->nclass = labels.nclass;
        labels.labels = NULL;
        labels.classes = NULL;
    }
    cn_array_clear(&labels);
    return status;
}

/* A label file belongs to the training rows: the recipe's test file goes without. */
static cinch_status load_label_file(cn_array *array, const cinch_recipe *recipe, const char *path,
                                    const char *source, cinch_error *error)
{
    char *test = cn_recipe_path(recipe, CN_TEST, NULL);
    bool is_test = test != NULL && strcmp(test, path) == 0;
    cinch_status status = CINCH_OK;

    cn_free(test);
    if (is_test)
        return CINCH_OK;
    char *labels = cn_recipe_path(recipe, CN_LABEL, error);
    if (labels == NULL)
        return CINCH_IO;
    status = load_labels(array, labels, source, error);
    cn_free(labels);
    return status;
}

static const char *text_or_null(const cinch_recipe *recipe, cn_key key)
{
    const char *text = cn_recipe_text(recipe, key);

    return text[0] != '\0' ? text : NULL;
}

static cinch_status load_array(const char *path, const cinch_recipe *recipe, const char *source,
                               cn_array *array, cinch_error *error)
{
    cn_format_options options = {.limits = &cn_limits_standard, .source = source, .missing_is_nan = true};
    bool label_file = recipe != NULL && cn_recipe_label_is_file(recipe);

    if (recipe != NULL) {
        options.label = label_file ? NULL : text_or_null(recipe, CN_LABEL);
        options.label_is_optional = !*cn_recipe_text(recipe, CN_TRAIN);
        options.columns = text_or_null(recipe, CN_COLUMNS);
        options.array = text_or_null(recipe, CN_ARRAY);
        options.missing_is_nan = cn_recipe_value(recipe, CN_MISSING).word == CN_MISSING_MEAN;
    }
    cinch_status status = strcmp(path, "donut") == 0 ? cn_donut_make(array, error)
                                                     : cn_array_read(path, &options, array, error);
    if (status == CINCH_OK)
        status = refuse_empty(array, source, error);
    if (status == CINCH_OK && !array->table)
        status = choose_columns(array, &options, error);
    if (status == CINCH_OK)
        status = refuse_empty(array, source, error);
    if (status == CINCH_OK && label_file)
        status = load_label_file(array, recipe, path, source, error);
    return status;
}

cinch_data *cinch_data_load(const char *path, const cinch_recipe *recipe, cinch_error *error)
{
    bool word = strcmp(path, "donut") == 0;
    cn_array array = {.values = NULL};
    cinch_data *data = NULL;
    char *found = NULL;

    if (word && cn_recipe_find_donut(recipe, &found, error) != CINCH_OK)
        return NULL;
    const char *source = strcmp(path, "-") == 0 ? "standard input" : found ? found : path;
    if (load_array(found ? found : path, recipe, source, &array, error) == CINCH_OK)
        data = make_data(&array, false, word && !found ? "donut (generated)" : source, error);
    cn_array_clear(&array);
    cn_free(found);
    return data;
}

/* ---- Asking -------------------------------------------------------------------------------------------- */

const char *cinch_data_source(const cinch_data *data)
{
    return data->source;
}

cinch_shape cinch_data_shape(const cinch_data *data)
{
    return data->array.shape;
}

cinch_type cinch_data_type(const cinch_data *data)
{
    return data->array.type;
}

size_t cinch_data_rows(const cinch_data *data)
{
    return data->array.shape.sizes[0];
}

size_t cinch_data_features(const cinch_data *data)
{
    return data->features;
}

const char *cinch_data_column(const cinch_data *data, size_t feature)
{
    return data->array.columns != NULL ? data->array.columns[feature] : NULL;
}

const char *cinch_type_name(cinch_type type)
{
    static const char *const names[] = {
        [CINCH_BOOL] = "bool", [CINCH_U8] = "uint8",    [CINCH_I8] = "int8",     [CINCH_U16] = "uint16",
        [CINCH_I16] = "int16", [CINCH_U32] = "uint32",  [CINCH_I32] = "int32",   [CINCH_U64] = "uint64",
        [CINCH_I64] = "int64", [CINCH_F16] = "float16", [CINCH_F32] = "float32", [CINCH_F64] = "float64",
    };
    return names[type];
}

const char *cn_data_feature(const cinch_data *data, size_t feature, char room[CN_FEATURE_ROOM])
{
    const char *name = cinch_data_column(data, feature);

    if (name != NULL && name[0] != '\0')
        snprintf(room, CN_FEATURE_ROOM, "column \"%.80s\"", name);
    else
        snprintf(room, CN_FEATURE_ROOM, "%s %zu", data->array.shape.rank > 2 ? "value" : "column", feature);
    return room;
}

static const void *place(const cinch_data *data, size_t index)
{
    return (const unsigned char *)data->array.values + index * cn_type_size(data->array.type);
}

void cn_data_values(const cinch_data *data, size_t first, size_t count, double *values)
{
    cn_values_read(data->array.type, place(data, first), count, values);
}

double cn_data_value(const cinch_data *data, size_t row, size_t feature)
{
    double value;

    cn_data_values(data, row * data->features + feature, 1, &value);
    return value;
}

enum { BLOCK = 512 }; /* values converted at a time, on the stack */

/* The block's sum goes to the whole's at once: so an image's bytes are summed exactly, and a long sum of
 * floats loses less. */
static void add_block(cinch_summary *summary, const double *values, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++) {
        if (isnan(values[i])) {
            summary->nan++;
        } else if (isinf(values[i])) {
            summary->infinite++;
        } else {
            sum += values[i];
            summary->minimum = values[i] < summary->minimum ? values[i] : summary->minimum;
            summary->maximum = values[i] > summary->maximum ? values[i] : summary->maximum;
        }
    }
    summary->sum += sum;
}

cinch_summary cinch_data_summary(const cinch_data *data)
{
    size_t total = cinch_data_rows(data) * data->features;
    cinch_summary summary = {.minimum = INFINITY, .maximum = -INFINITY};
    double values[BLOCK];

    for (size_t first = 0; first < total; first += BLOCK) {
        size_t count = total - first < BLOCK ? total - first : BLOCK;
        cn_data_values(data, first, count, values);
        add_block(&summary, values, count);
    }
    if (summary.minimum > summary.maximum)
        summary.minimum = summary.maximum = 0;
    return summary;
}

/* ---- Checking ------------------------------------------------------------------------------------------ */

cinch_status cn_data_refuse(const cinch_data *data, size_t row, size_t feature, const char *what,
                            cinch_error *error)
{
    char name[CN_FEATURE_ROOM];

    cn_data_feature(data, feature, name);
    if (data->array.first_line != 0)
        return cn_fail(error, CINCH_BAD_INPUT, "%s:%zu: %s %s", data->source, data->array.first_line + row,
                       name, what);
    return cn_fail(error, CINCH_BAD_INPUT, "%s: row %zu, %s %s", data->source, row, name, what);
}

cinch_status cn_data_check(const cinch_data *data, size_t first, size_t nrow, bool missing_is_fine,
                           cinch_error *error)
{
    size_t begin = first * data->features, end = (first + nrow) * data->features;
    double values[BLOCK];

    if (data->array.type < CINCH_F16)
        return CINCH_OK;
    for (size_t at = begin; at < end; at += BLOCK) {
        size_t count = end - at < BLOCK ? end - at : BLOCK;
        if (cn_values_finite(data->array.type, place(data, at), count))
            continue;
        cn_data_values(data, at, count, values);
        for (size_t i = 0; i < count; i++) {
            if (isinf(values[i]) || (isnan(values[i]) && !missing_is_fine))
                return cn_data_refuse(data, (at + i) / data->features, (at + i) % data->features,
                                      isnan(values[i]) ? "is NaN (see --missing)"
                                      : values[i] > 0  ? "is infinity"
                                                       : "is minus infinity",
                                      error);
        }
    }
    return CINCH_OK;
}

uint32_t cn_data_checksum(const cinch_data *data, size_t nrow)
{
    return (uint32_t)crc32_z(0, data->array.values, nrow * data->features * cn_type_size(data->array.type));
}

/* ---- Gathering ----------------------------------------------------------------------------------------- */

static void fill_missing(const double *fill, size_t count, size_t real_size, void *x)
{
    float *floats = x;
    double *doubles = x;

    for (size_t i = 0; i < count; i++) {
        if (real_size == sizeof(float) && isnan(floats[i]))
            floats[i] = (float)fill[i];
        else if (real_size == sizeof(double) && isnan(doubles[i]))
            doubles[i] = fill[i];
    }
}

/* A row of any type, over doubles on the stack. */
static void gather_row(const cinch_data *data, size_t row, const double *offset, const double *scale,
                       size_t step, size_t real_size, void *x)
{
    double values[BLOCK];

    for (size_t first = 0; first < data->features; first += BLOCK) {
        size_t count = data->features - first < BLOCK ? data->features - first : BLOCK;
        cn_data_values(data, row * data->features + first, count, values);
        cn_values_scale(values, count, offset + first * step, scale + first * step, step, real_size,
                        (unsigned char *)x + first * real_size);
    }
}

/* A shuffled row is far from the one before: its bytes are asked for some rows ahead of their turn. */
enum { ROWS_AHEAD = 4, CACHE_LINE = 64, MOST_FETCHED = 4096 };

static void fetch_row(const cinch_data *data, size_t row)
{
    const unsigned char *from = place(data, row * data->features);
    size_t nbytes = data->features * cn_type_size(data->array.type);

    for (size_t i = 0; i < nbytes && i < MOST_FETCHED; i += CACHE_LINE)
        __builtin_prefetch(from + i);
}

void cn_data_fetch(const cinch_data *data, const size_t *order, size_t nrow)
{
    for (size_t i = 0; i < nrow; i++)
        fetch_row(data, order[i]);
}

/* The loop for this type; NULL: value by value. */
static cn_values_gather *gatherer(const cinch_data *data, double offset, double scale, bool by_column,
                                  size_t real_size, size_t nrow)
{
    enum { WORTH_A_TRIAL = 1 << 12 };
    if (real_size != sizeof(float))
        return NULL;
    cn_values_gather *fast = NULL;
    if (data->array.type == CINCH_U8 && !by_column && nrow * data->features >= WORTH_A_TRIAL)
        fast = cn_values_bytes_gatherer(offset, scale);
    return fast ? fast : cn_values_gatherer(data->array.type);
}

void cn_data_gather(const cinch_data *data, const cn_scaler *scaler, const size_t *order, size_t first,
                    size_t nrow, size_t stride, size_t real_size, void *x)
{
    static const double zero = 0, one = 1;
    const double *offset = scaler != NULL ? scaler->offset : &zero,
                 *scale = scaler != NULL ? scaler->scale : &one;
    const size_t step = scaler != NULL && !scaler->uniform;
    cn_values_gather *gather = gatherer(data, *offset, *scale, step, real_size, nrow);

    for (size_t i = 0; i < nrow; i++) {
        size_t row = order != NULL ? order[i] : first + i;
        if (order != NULL && i + ROWS_AHEAD < nrow)
            fetch_row(data, order[i + ROWS_AHEAD]);
        void *to = (unsigned char *)x + i * stride * real_size;
        if (gather != NULL)
            gather(place(data, row * data->features), data->features, offset, scale, step, to);
        else
            gather_row(data, row, offset, scale, step, real_size, to);
        if (scaler != NULL && scaler->fill != NULL)
            fill_missing(scaler->fill, data->features, real_size, to);
    }
}

void cinch_data_get(const cinch_data *data, size_t first, size_t nrow, float *rows)
{
    cn_data_gather(data, NULL, NULL, first, nrow, data->features, sizeof(float), rows);
}
