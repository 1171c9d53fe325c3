/* What every table has, whatever file it comes from: columns chosen by name or place, and classes made of
 * labels. */
#ifndef CN_FORMAT_TABLE_H
#define CN_FORMAT_TABLE_H

#include "format/format.h"

/* The columns of one table. names may be NULL: then only places count. */
typedef struct cn_columns {
    const char *source; /* the file's name, for messages */
    char *const *names; /* [count] */
    size_t count;
} cn_columns;

/* The options' label among them; the number of columns where there is none. */
cinch_status cn_columns_find_label(const cn_columns *columns, const cn_format_options *options,
                                   size_t *column, cinch_error *error);

/* The columns of a list like "a,b,3-5", in its order, none twice. The caller frees *chosen with cn_free. */
cinch_status cn_columns_choose(const cn_columns *columns, const char *list, size_t **chosen, size_t *nchosen,
                               cinch_error *error);

/* A row's label before it has a class. */
typedef struct cn_label {
    const char *text; /* NULL: missing */
    double number;    /* its value where it is a number */
    size_t row;
} cn_label;

/* Gives the array labels, classes and nclass. `numeric` says that every label is a number: then classes
 * are sorted by value and "1" and "1.0" are one class. Sorts `labels`. */
cinch_status cn_classes_make(cn_array *array, cn_label *labels, size_t count, bool numeric,
                             const char *source, cinch_error *error);

/* The same for labels that are numbers from the start; a NaN is missing. */
cinch_status cn_classes_number(cn_array *array, const double *numbers, size_t count, const char *source,
                               cinch_error *error);

#endif
