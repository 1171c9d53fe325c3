/* Rows to a file: NPY as they lie in memory, or CSV with the shortest numbers that read back to the same
 * value. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/data.h"

/* ---- NPY ----------------------------------------------------------------------------------------------- */

static cinch_status save_npy(const cinch_data *data, const char *path, cinch_error *error)
{
    const cn_array *array = &data->array;
    cn_bytes pieces[2] = {{NULL, 0}, {array->values, 0}};
    cinch_status status = cn_npy_header(array->type, array->shape, &pieces[0], error);

    if (status != CINCH_OK)
        return status;
    cn_shape_nbytes(array->shape, cn_type_size(array->type), &pieces[1].nbytes);
    status = cn_file_write(path, pieces, 2, error);
    cn_bytes_clear(&pieces[0]);
    return status;
}

/* ---- CSV ----------------------------------------------------------------------------------------------- */

/* Whether a decimal of which `near` is the nearest double reads back as the float: it must lie between the
 * middles to the float's neighbours, which are doubles, and not on them. */
static bool reads_back(float value, double near)
{
    double below = nextafterf(value, -INFINITY), above = nextafterf(value, INFINITY);

    return near > ((double)value + below) / 2 && near < ((double)value + above) / 2;
}

/* The digits, most of them zeros or none, as a decimal fraction: 1234 with 6 places is 0.001234. */
static void add_decimal(cn_text *text, bool negative, uint64_t digits, int places)
{
    char chars[40], *at = chars + sizeof chars;

    while (places > 0 && digits % 10 == 0) {
        digits /= 10;
        places--;
    }
    for (int i = 0; i < places; i++, digits /= 10)
        *--at = (char)('0' + digits % 10);
    if (places > 0)
        *--at = '.';
    do {
        *--at = (char)('0' + digits % 10);
        digits /= 10;
    } while (digits > 0);
    if (negative)
        *--at = '-';
    cn_text_add_bytes(text, at, (size_t)(chars + sizeof chars - at));
}

/* The fewest of 6 to 9 digits that read back, without their last zeros: any decimal of 6 digits survives a
 * float and back, but for the subnormals, which begin with 1. Floats between 1e-5 and 1e6 are scaled to a
 * whole number of digits in double; of the others the C library makes the digits. */
static void add_float(cn_text *text, float value)
{
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6, 1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};
    double magnitude = fabs((double)value);
    char chars[32];
    int before = 1; /* digits before the point; 0 and less: zeros behind it */

    if (magnitude >= 1e-5 && magnitude < 1e6) {
        while (before < 6 && magnitude >= powers[before])
            before++;
        while (magnitude < 1 && before > -4 && magnitude * powers[1 - before] < 1)
            before--;
        for (int ndigit = 6; ndigit <= 9; ndigit++) {
            double digits = rint(magnitude * powers[ndigit - before]);
            if (reads_back((float)magnitude, digits / powers[ndigit - before])) {
                add_decimal(text, value < 0, (uint64_t)digits, ndigit - before);
                return;
            }
        }
    }
    for (int ndigit = magnitude < FLT_MIN ? 1 : 6; isfinite(value) && ndigit <= 9; ndigit++) {
        snprintf(chars, sizeof chars, "%.*g", ndigit, (double)value);
        if (strtof(chars, NULL) == value) {
            cn_text_add_number(text, strtod(chars, NULL));
            return;
        }
    }
    cn_text_add_number(text, (double)value);
}

/* A half is printed as the float that it is: 0.1 in binary16 is 0.09998. */
static void add_value(cn_text *text, const cinch_data *data, size_t index)
{
    const void *values = data->array.values;

    switch (data->array.type) {
    case CINCH_U64:
        cn_text_add(text, "%llu", (unsigned long long)((const uint64_t *)values)[index]);
        break;
    case CINCH_I64:
        cn_text_add(text, "%lld", (long long)((const int64_t *)values)[index]);
        break;
    case CINCH_F64:
        cn_text_add_number(text, ((const double *)values)[index]);
        break;
    default: {
        double value;
        cn_data_values(data, index, 1, &value);
        if (value == rint(value) && fabs(value) < 1e6 && !(value == 0 && signbit(value)))
            add_decimal(text, value < 0, (uint64_t)fabs(value), 0);
        else
            add_float(text, (float)value);
    }
    }
}

/* A name in quotes where its bytes could be taken for something else. */
static void add_name(cn_text *text, const char *name)
{
    size_t length = strlen(name);
    bool plain =
        strpbrk(name, ",;\t\"\r\n") == NULL && (length == 0 || (name[0] != ' ' && name[length - 1] != ' '));

    if (plain) {
        cn_text_add_bytes(text, name, length);
        return;
    }
    cn_text_add_bytes(text, "\"", 1);
    for (; *name != '\0'; name++) {
        if (*name == '"')
            cn_text_add_bytes(text, "\"", 1);
        cn_text_add_bytes(text, name, 1);
    }
    cn_text_add_bytes(text, "\"", 1);
}

static cinch_status save_csv(const cinch_data *data, const char *path, cinch_error *error)
{
    size_t rows = cinch_data_rows(data);
    cn_text text = {0};
    cn_bytes piece;

    for (size_t f = 0; data->array.columns != NULL && f < data->features; f++) {
        add_name(&text, data->array.columns[f]);
        cn_text_add_bytes(&text, f + 1 < data->features ? "," : "\n", 1);
    }
    for (size_t row = 0; row < rows && !text.failed; row++) {
        for (size_t f = 0; f < data->features; f++) {
            add_value(&text, data, row * data->features + f);
            cn_text_add_bytes(&text, f + 1 < data->features ? "," : "\n", 1);
        }
    }
    piece.nbytes = text.length;
    piece.data = (unsigned char *)cn_text_take(&text, error);
    if (piece.data == NULL)
        return CINCH_MEMORY;
    cinch_status status = cn_file_write(path, &piece, 1, error);
    cn_bytes_clear(&piece);
    return status;
}

/* ---- Which --------------------------------------------------------------------------------------------- */

static bool ends_in(const char *path, const char *ending)
{
    size_t length = strlen(path), nending = strlen(ending);

    return length >= nending && strcmp(path + length - nending, ending) == 0;
}

/* A name without any ending (a device, a pipe) says nothing and gets NPY. */
cinch_status cinch_data_save(const cinch_data *data, const char *path, bool csv, cinch_error *error)
{
    const char *slash = strrchr(path, '/');
    const char *ending = strrchr(slash != NULL ? slash : path, '.');

    if (csv || ends_in(path, ".csv"))
        return save_csv(data, path, error);
    if (ending != NULL && !ends_in(path, ".npy"))
        return cn_fail(error, CINCH_USAGE, "%s: rows are written as .npy or .csv, not %s", path, ending);
    return save_npy(data, path, error);
}
