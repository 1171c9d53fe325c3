/* Columns chosen by name or place, and classes made of labels. */
#include "format/table.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

/* ---- Columns ------------------------------------------------------------------------------------------- */

enum { ITEM_ROOM = 256 }; /* of one item in a list, and of a name in a message */

static bool find_name(const cn_columns *columns, const char *name, size_t *column)
{
    if (columns->names == NULL)
        return false;
    for (size_t i = 0; i < columns->count; i++) {
        if (strcmp(columns->names[i], name) == 0) {
            *column = i;
            return true;
        }
    }
    return false;
}

/* The digits at *text as a number, which `most` caps; false where there are none. */
static bool read_place(const char **text, size_t most, size_t *place)
{
    const char *at = *text;

    *place = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        *place = *place > most / 10 ? most : *place * 10 + (size_t)(*at - '0');
    bool any = at != *text;
    *text = at;
    return any;
}

static cinch_status refuse_place(const cn_columns *columns, const char *text, cinch_error *error)
{
    return cn_fail(error, CINCH_BAD_INPUT, "%s: no column %s: there are %zu, numbered from 0",
                   columns->source, text, columns->count);
}

/* Names the nearest; the list of names ends in NULL only for the search. */
static cinch_status refuse_name(const cn_columns *columns, const char *name, cinch_error *error)
{
    const char *nearest = NULL;
    const char **names;

    if (columns->names == NULL)
        return cn_fail(error, CINCH_BAD_INPUT,
                       "%s: no column \"%s\": the file names none; number them, from 0 to %zu",
                       columns->source, name, columns->count - 1);
    names = cn_new(columns->count + 1, sizeof *names, error);
    if (names == NULL)
        return CINCH_MEMORY;
    for (size_t i = 0; i < columns->count; i++)
        names[i] = columns->names[i];
    nearest = cn_text_nearest(name, names);
    cn_fail(error, CINCH_BAD_INPUT, "%s: no column \"%s\"; %s \"%s\"", columns->source, name,
            nearest != NULL ? "the nearest is" : "the first is",
            nearest != NULL ? nearest : columns->names[0]);
    cn_free(names);
    return CINCH_BAD_INPUT;
}

/* "3" or "3-5"; false where the text is neither. */
static bool read_range(const char *text, size_t *first, size_t *last)
{
    if (!read_place(&text, SIZE_MAX, first))
        return false;
    *last = *first;
    if (*text == '-') {
        text++;
        if (!read_place(&text, SIZE_MAX, last))
            return false;
    }
    return *text == '\0';
}

/* What one item stands for: a name, a place or a range of places. */
static cinch_status find_item(const cn_columns *columns, const char *item, size_t *first, size_t *last,
                              cinch_error *error)
{
    if (find_name(columns, item, first)) {
        *last = *first;
        return CINCH_OK;
    }
    if (!read_range(item, first, last))
        return refuse_name(columns, item, error);
    if (*last < *first)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: columns %s run backwards", columns->source, item);
    if (*last >= columns->count)
        return refuse_place(columns, item, error);
    return CINCH_OK;
}

/* The one column that `text` names or numbers (from 0); a name wins over a number. */
static cinch_status find_column(const cn_columns *columns, const char *text, size_t *column,
                                cinch_error *error)
{
    size_t last;
    cinch_status status = find_item(columns, text, column, &last, error);

    if (status == CINCH_OK && last != *column)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: \"%s\" is several columns; one is wanted",
                       columns->source, text);
    return status;
}

cinch_status cn_columns_find_label(const cn_columns *columns, const cn_format_options *options,
                                   size_t *column, cinch_error *error)
{
    bool optional = options->label_is_optional;
    *column = columns->count;
    if (!options->label || !find_column(columns, options->label, column, optional ? NULL : error))
        return CINCH_OK;
    *column = columns->count;
    return optional ? CINCH_OK : CINCH_BAD_INPUT;
}

/* An item in double quotes, in which a quote is written twice; moves *at behind it. */
static bool quoted_item(const char **at, char item[ITEM_ROOM])
{
    const char *from = *at + 1;
    size_t length = 0;

    while (*from != '\0' && (*from != '"' || from[1] == '"')) {
        if (length + 1 == ITEM_ROOM)
            return false;
        from += *from == '"';
        item[length++] = *from++;
    }
    item[length] = '\0';
    *at = from + (*from == '"');
    return *from == '"';
}

/* An item up to the next comma, without the blanks before that. */
static bool plain_item(const char **at, char item[ITEM_ROOM])
{
    const char *begin = *at;
    size_t length = strcspn(begin, ",");

    *at = begin + length;
    while (length > 0 && (begin[length - 1] == ' ' || begin[length - 1] == '\t'))
        length--;
    if (length >= ITEM_ROOM)
        return false;
    memcpy(item, begin, length);
    item[length] = '\0';
    return true;
}

/* The list's next item without the blanks around it; moves *list behind its comma, to NULL at the end. */
static bool next_item(const char **list, char item[ITEM_ROOM])
{
    const char *at = *list + strspn(*list, " \t");
    bool whole = *at == '"' ? quoted_item(&at, item) : plain_item(&at, item);

    at += strspn(at, " \t");
    *list = *at == ',' ? at + 1 : NULL;
    return whole && (*at == ',' || *at == '\0');
}

static cinch_status take_range(const cn_columns *columns, size_t first, size_t last, bool *taken,
                               size_t *chosen, size_t *nchosen, cinch_error *error)
{
    for (size_t i = first; i <= last; i++) {
        if (taken[i])
            return cn_fail(error, CINCH_BAD_INPUT, "%s: column %zu is chosen twice (see --columns)",
                           columns->source, i);
        taken[i] = true;
        chosen[(*nchosen)++] = i;
    }
    return CINCH_OK;
}

static cinch_status choose(const cn_columns *columns, const char *list, bool *taken, size_t *chosen,
                           size_t *nchosen, cinch_error *error)
{
    char item[ITEM_ROOM];
    size_t first, last;

    *nchosen = 0;
    while (list != NULL) {
        if (!next_item(&list, item) || item[0] == '\0')
            return cn_fail(
                error, CINCH_BAD_INPUT,
                "%s: an item of the list of columns is empty, is too long, or has a quote that is not "
                "closed (see --columns)",
                columns->source);
        cinch_status status = find_item(columns, item, &first, &last, error);
        if (status == CINCH_OK)
            status = take_range(columns, first, last, taken, chosen, nchosen, error);
        if (status != CINCH_OK)
            return status;
    }
    return CINCH_OK;
}

cinch_status cn_columns_choose(const cn_columns *columns, const char *list, size_t **chosen, size_t *nchosen,
                               cinch_error *error)
{
    cinch_status status = CINCH_MEMORY;
    bool *taken = cn_new(columns->count, sizeof *taken, error);

    *chosen = cn_new(columns->count, sizeof **chosen, error);
    if (taken != NULL && *chosen != NULL)
        status = choose(columns, list, taken, *chosen, nchosen, error);
    cn_free(taken);
    if (status != CINCH_OK) {
        cn_free(*chosen);
        *chosen = NULL;
    }
    return status;
}

/* ---- Classes ------------------------------------------------------------------------------------------- */

/* Missing labels come last. */
static int compare_missing(const cn_label *a, const cn_label *b)
{
    return (a->text == NULL) - (b->text == NULL);
}

static int compare_texts(const void *left, const void *right)
{
    const cn_label *a = left, *b = right;

    if (a->text == NULL || b->text == NULL)
        return compare_missing(a, b);
    return strcmp(a->text, b->text);
}

static int compare_numbers(const void *left, const void *right)
{
    const cn_label *a = left, *b = right;

    if (a->text == NULL || b->text == NULL)
        return compare_missing(a, b);
    return (a->number > b->number) - (a->number < b->number);
}

typedef int label_order(const void *left, const void *right);

/* Numbers the classes of the sorted labels and copies their names, [nclass] pointers and then the texts,
 * into one block; with `classes` NULL it only counts. */
static void number_classes(const cn_label *labels, size_t count, label_order *compare,
                           int32_t *classes_of_rows, char **classes, size_t *nclass, size_t *nchar)
{
    char *room = classes != NULL ? (char *)(classes + *nclass) : NULL;

    *nclass = *nchar = 0;
    for (size_t i = 0; i < count && labels[i].text != NULL; i++) {
        if (i == 0 || compare(&labels[i - 1], &labels[i]) != 0) {
            size_t nbytes = strlen(labels[i].text) + 1;
            if (classes != NULL) {
                classes[*nclass] = memcpy(room + *nchar, labels[i].text, nbytes);
            }
            *nclass += 1;
            *nchar += nbytes;
        }
        if (classes_of_rows != NULL)
            classes_of_rows[labels[i].row] = (int32_t)(*nclass - 1);
    }
}

cinch_status cn_classes_make(cn_array *array, cn_label *labels, size_t count, bool numeric,
                             const char *source, cinch_error *error)
{
    label_order *compare = numeric ? compare_numbers : compare_texts;
    size_t nclass, nchar, nbytes;

    if (count > INT32_MAX)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: %zu labels are too many", source, count);
    qsort(labels, count, sizeof *labels, compare);
    number_classes(labels, count, compare, NULL, NULL, &nclass, &nchar);
    if (!cn_multiply(nclass, sizeof *array->classes, &nbytes) || !cn_add(nbytes, nchar, &nbytes))
        return cn_fail(error, CINCH_BAD_INPUT, "%s: the labels are too long", source);
    array->labels = cn_new(count, sizeof *array->labels, error);
    array->classes = cn_new(nbytes, 1, error);
    if (array->labels == NULL || array->classes == NULL)
        return CINCH_MEMORY;
    array->nclass = nclass;
    for (size_t i = 0; i < count; i++)
        array->labels[i] = -1;
    number_classes(labels, count, compare, array->labels, array->classes, &array->nclass, &nchar);
    return CINCH_OK;
}

/* Prints each number behind the last, NUL between them; a label's text is found once the block has stopped
 * growing. */
static cinch_status print_numbers(const double *numbers, size_t count, char **block, cinch_error *error)
{
    cn_text text = {0};

    for (size_t i = 0; i < count; i++) {
        cn_text_add_number(&text, numbers[i]);
        cn_text_add_bytes(&text, "", 1);
    }
    *block = cn_text_take(&text, error);
    return *block != NULL ? CINCH_OK : CINCH_MEMORY;
}

cinch_status cn_classes_number(cn_array *array, const double *numbers, size_t count, const char *source,
                               cinch_error *error)
{
    char *block = NULL;
    cn_label *labels = cn_new(count, sizeof *labels, error);
    cinch_status status = labels != NULL ? print_numbers(numbers, count, &block, error) : CINCH_MEMORY;

    if (status == CINCH_OK) {
        const char *text = block;
        for (size_t i = 0; i < count; i++, text += strlen(text) + 1)
            labels[i] = (cn_label){isnan(numbers[i]) ? NULL : text, numbers[i], i};
        status = cn_classes_make(array, labels, count, true, source, error);
    }
    cn_free(block);
    cn_free(labels);
    return status;
}
