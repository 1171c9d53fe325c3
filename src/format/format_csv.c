/* CSV (RFC 4180, and what programs write): numbers in rows, a header or none, separated by ',', ';' or
 * tab.
 *
 * Two passes over the text: the first counts rows and checks that each has the same number of cells, so
 * that the second can write straight into arrays of the right size. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/text.h"
#include "format/format.h"
#include "format/table.h"

/* ---- Cells --------------------------------------------------------------------------------------------- */

typedef struct cursor {
    const char *at, *end;
    size_t line; /* of what is at `at`, from 1 */
    char separator;
} cursor;

typedef struct csv_cell {
    const char *chars;
    size_t length; /* without the blanks and quotes around */
    bool quoted;   /* doubled quotes inside stand for one */
    bool last;     /* of its row */
} csv_cell;

static bool is_blank(const cursor *in, char c)
{
    return c == ' ' || (c == '\t' && in->separator != '\t');
}

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

static void skip_blanks(cursor *in)
{
    while (in->at < in->end && is_blank(in, *in->at))
        in->at++;
}

/* Past one line end: LF, CR LF or CR. */
static void skip_line_end(cursor *in)
{
    if (in->at < in->end && *in->at == '\r')
        in->at++;
    if (in->at < in->end && *in->at == '\n')
        in->at++;
    in->line++;
}

/* From behind an opening quote to behind its closing one; false where there is none. */
static bool scan_quoted(cursor *in, csv_cell *cell)
{
    cell->chars = in->at;
    for (; in->at < in->end; in->at++) {
        if (*in->at == '\n')
            in->line++;
        if (*in->at != '"')
            continue;
        if (in->at + 1 == in->end || in->at[1] != '"') {
            cell->length = (size_t)(in->at - cell->chars);
            in->at++;
            return true;
        }
        in->at++;
    }
    return false;
}

static void scan_plain(cursor *in, csv_cell *cell)
{
    const char *end;

    cell->chars = in->at;
    while (in->at < in->end && *in->at != in->separator && !is_line_end(*in->at))
        in->at++;
    for (end = in->at; end > cell->chars && is_blank(in, end[-1]); end--)
        ;
    cell->length = (size_t)(end - cell->chars);
}

/* The next cell, and past what ends it. */
static cinch_status next_cell(cursor *in, csv_cell *cell, const char *source, cinch_error *error)
{
    size_t line = in->line;

    skip_blanks(in);
    cell->quoted = in->at < in->end && *in->at == '"';
    if (cell->quoted) {
        in->at++;
        if (!scan_quoted(in, cell))
            return cn_fail(error, CINCH_BAD_INPUT, "%s:%zu: a quote is not closed", source, line);
        skip_blanks(in);
    } else {
        scan_plain(in, cell);
    }
    cell->last = in->at == in->end || is_line_end(*in->at);
    if (cell->last)
        skip_line_end(in);
    else if (*in->at == in->separator)
        in->at++;
    else
        return cn_fail(error, CINCH_BAD_INPUT, "%s:%zu: something follows a closing quote", source, in->line);
    return CINCH_OK;
}

/* The cell's text without doubled quotes, NUL at its end; false where it does not fit. */
static bool copy_cell(const csv_cell *cell, char *text, size_t room)
{
    size_t length = 0;

    for (size_t i = 0; i < cell->length; i++) {
        if (length + 1 >= room)
            return false;
        text[length++] = cell->chars[i];
        if (cell->quoted && cell->chars[i] == '"')
            i++;
    }
    text[length] = '\0';
    return true;
}

static bool is_missing(const csv_cell *cell)
{
    static const char *const words[] = {"", "NA", "NaN", "N/A", "null", "none", "?"};

    if (cell->length > 4)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i]) == cell->length && strncasecmp(words[i], cell->chars, cell->length) == 0)
            return true;
    }
    return false;
}

enum { NUMBER_ROOM = 1024 };

static bool read_number(const csv_cell *cell, double *value)
{
    char text[NUMBER_ROOM];

    return copy_cell(cell, text, sizeof text) && cn_text_number(text, value) && isfinite(*value);
}

/* "1,5": what a spreadsheet of many countries writes for 1.5. */
static bool has_decimal_comma(const csv_cell *cell)
{
    char text[NUMBER_ROOM];
    double value;

    if (!copy_cell(cell, text, sizeof text) || !strchr(text, ','))
        return false;
    *strchr(text, ',') = '.';
    return cn_text_number(text, &value);
}

/* ---- The table as a whole ------------------------------------------------------------------------------ */

typedef struct csv_table {
    const cn_format_options *options;
    cursor first; /* at the first row of numbers */
    size_t rows, columns;
    bool whole_lines;        /* row i is line first.line + i */
    char **names;            /* NULL without a header */
    size_t *chosen, nchosen; /* the feature columns, in their order */
    size_t *target;          /* [columns] 1 + a column's place among the features; 0 for none */
    size_t label;            /* the label's column; `columns` for none */
    cn_label *labels;        /* [rows] */
    size_t *label_at;        /* [rows] where each label begins in label_text; SIZE_MAX where it is missing */
    cn_text label_text;
    bool numeric; /* so far all labels are numbers */
} csv_table;

static void clear_table(csv_table *table)
{
    cn_free(table->names);
    cn_free(table->chosen);
    cn_free(table->target);
    cn_free(table->labels);
    cn_free(table->label_at);
    cn_text_clear(&table->label_text);
}

/* The character that stands most often between the quotes of the first line. */
static char find_separator(const cursor *first)
{
    static const char separators[] = {',', ';', '\t'};
    size_t counts[sizeof separators] = {0}, best = 0;
    bool quoted = false;

    for (const char *at = first->at; at < first->end && (quoted || !is_line_end(*at)); at++) {
        if (*at == '"')
            quoted = !quoted;
        for (size_t i = 0; !quoted && i < sizeof separators; i++)
            counts[i] += *at == separators[i];
    }
    for (size_t i = 1; i < sizeof separators; i++) {
        if (counts[i] > counts[best])
            best = i;
    }
    return separators[best];
}

/* Between the byte order mark and the last line end; blank lines before and after the table are not rows. */
static cinch_status find_text(const cn_bytes *bytes, csv_table *table, cinch_error *error)
{
    cursor *in = &table->first;

    *in = (cursor){(const char *)bytes->data, (const char *)bytes->data + bytes->nbytes, 1, ','};
    if (memchr(bytes->data, '\0', bytes->nbytes) != NULL)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: is not text: it has a NUL byte", table->options->source);
    if (bytes->nbytes >= 3 && memcmp(bytes->data, "\xEF\xBB\xBF", 3) == 0)
        in->at += 3;
    while (in->at < in->end && is_line_end(*in->at))
        skip_line_end(in);
    while (in->at < in->end && is_line_end(in->end[-1]))
        in->end--;
    if (in->at == in->end)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: is empty", table->options->source);
    in->separator = find_separator(in);
    return CINCH_OK;
}

/* A blank line is no row, but in a table of one column a missing cell. */
static bool skip_blank_line(cursor *in, size_t columns)
{
    const char *at = in->at;

    while (at < in->end && is_blank(in, *at))
        at++;
    if (columns == 1 || (at < in->end && !is_line_end(*at)))
        return false;
    in->at = at;
    skip_line_end(in);
    return true;
}

static cinch_status count_cells(cursor *in, const csv_table *table, size_t *count, cinch_error *error)
{
    const cn_format_options *options = table->options;
    csv_cell cell = {.last = false};

    for (*count = 0; !cell.last; ++*count) {
        cinch_status status = next_cell(in, &cell, options->source, error);
        if (status != CINCH_OK)
            return status;
    }
    if (*count > options->limits->columns)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: %zu columns; at most %zu are read", options->source,
                       *count, options->limits->columns);
    return CINCH_OK;
}

static cinch_status count_rows(csv_table *table, cinch_error *error)
{
    cursor in = table->first;

    table->rows = 0;
    table->whole_lines = true;
    while (in.at < in.end) {
        size_t line = in.line, count;
        if (skip_blank_line(&in, table->columns)) {
            table->whole_lines = false;
            continue;
        }
        cinch_status status = count_cells(&in, table, &count, error);
        if (status != CINCH_OK)
            return status;
        if (count != table->columns)
            return cn_fail(error, CINCH_BAD_INPUT, "%s:%zu: has %zu cells, the first line has %zu",
                           table->options->source, line, count, table->columns);
        table->whole_lines = table->whole_lines && in.line == line + 1;
        table->rows++;
    }
    return CINCH_OK;
}

/* ---- The header ---------------------------------------------------------------------------------------- */

enum { HEADER_LINES = 100 }; /* looked at below a first line, while their cells are missing */

/* Holds a line against the first one. `header`: some cell of the first is not a number where this one's is.
 * `open`: some cell that is missing here could still tell. */
static cinch_status compare_lines(const csv_table *table, cursor *lower, bool *header, bool *open,
                                  cinch_error *error)
{
    const char *source = table->options->source;
    cursor upper = table->first;
    csv_cell name = {.last = false}, number = {.last = false};
    double value;

    *header = *open = false;
    while (!name.last && !number.last) {
        cinch_status status = next_cell(&upper, &name, source, error);
        if (status == CINCH_OK)
            status = next_cell(lower, &number, source, error);
        if (status != CINCH_OK)
            return status;
        if (is_missing(&name) || read_number(&name, &value))
            continue;
        *header = *header || read_number(&number, &value) || has_decimal_comma(&number);
        *open = *open || is_missing(&number);
    }
    return CINCH_OK;
}

/* A lone line is names where none of its cells is a number. */
static cinch_status detect_names(const csv_table *table, bool *header, cinch_error *error)
{
    cursor in = table->first;
    csv_cell cell = {.last = false};
    double value;

    *header = true;
    while (!cell.last) {
        cinch_status status = next_cell(&in, &cell, table->options->source, error);
        if (status != CINCH_OK)
            return status;
        *header = *header && !is_missing(&cell) && !read_number(&cell, &value);
    }
    return CINCH_OK;
}

/* Whether the first line is names: some cell of it is not a number where the one below it is. */
static cinch_status detect_header(const csv_table *table, cursor second, bool *header, cinch_error *error)
{
    bool open = true;

    *header = false;
    if (second.at == second.end)
        return detect_names(table, header, error);
    for (int i = 0; i < HEADER_LINES && !*header && open && second.at < second.end; i++) {
        cinch_status status = compare_lines(table, &second, header, &open, error);
        if (status != CINCH_OK)
            return status;
    }
    return CINCH_OK;
}

/* Names and pointers to them in one block. Unquoting only shortens, so that the line's bytes are room
 * enough. */
static cinch_status read_names(csv_table *table, size_t line_bytes, cinch_error *error)
{
    const cn_format_options *options = table->options;
    cursor in = table->first;
    size_t nbytes;
    csv_cell cell;

    if (!cn_multiply(table->columns, sizeof *table->names, &nbytes) ||
        !cn_add(nbytes, line_bytes + table->columns, &nbytes))
        return cn_fail(error, CINCH_MEMORY, "%s: its header is too long", options->source);
    table->names = cn_new(nbytes, 1, error);
    if (table->names == NULL)
        return CINCH_MEMORY;
    char *room = (char *)(table->names + table->columns), *end = (char *)table->names + nbytes;
    for (size_t i = 0; i < table->columns; i++) {
        cinch_status status = next_cell(&in, &cell, options->source, error);
        if (status != CINCH_OK)
            return status;
        if (cell.length > options->limits->name_bytes || !copy_cell(&cell, room, (size_t)(end - room)))
            return cn_fail(error, CINCH_BAD_INPUT, "%s: the name of column %zu is longer than %zu bytes",
                           options->source, i, options->limits->name_bytes);
        table->names[i] = room;
        room += strlen(room) + 1;
    }
    return CINCH_OK;
}

static cinch_status read_header(csv_table *table, cinch_error *error)
{
    cursor second = table->first;
    bool header = false;
    cinch_status status = count_cells(&second, table, &table->columns, error);
    size_t line_bytes = (size_t)(second.at - table->first.at);

    while (status == CINCH_OK && second.at < second.end && skip_blank_line(&second, table->columns))
        ;
    if (status == CINCH_OK)
        status = detect_header(table, second, &header, error);
    if (status == CINCH_OK && header) {
        status = read_names(table, line_bytes, error);
        table->first = second;
    }
    return status;
}

/* ---- Columns ------------------------------------------------------------------------------------------- */

static cinch_status choose_all_but_label(csv_table *table, cinch_error *error)
{
    table->chosen = cn_new(table->columns, sizeof *table->chosen, error);
    if (table->chosen == NULL)
        return CINCH_MEMORY;
    for (size_t i = 0; i < table->columns; i++) {
        if (i != table->label)
            table->chosen[table->nchosen++] = i;
    }
    return CINCH_OK;
}

static cinch_status choose_columns(csv_table *table, cinch_error *error)
{
    const cn_format_options *options = table->options;
    cn_columns columns = {options->source, table->names, table->columns};
    cinch_status status = cn_columns_find_label(&columns, options, &table->label, error);
    if (status == CINCH_OK && options->columns != NULL)
        status = cn_columns_choose(&columns, options->columns, &table->chosen, &table->nchosen, error);
    else if (status == CINCH_OK)
        status = choose_all_but_label(table, error);
    if (status != CINCH_OK)
        return status;
    table->target = cn_new(table->columns, sizeof *table->target, error);
    if (table->target == NULL)
        return CINCH_MEMORY;
    for (size_t i = 0; i < table->nchosen; i++)
        table->target[table->chosen[i]] = i + 1;
    return CINCH_OK;
}

/* ---- Rows ---------------------------------------------------------------------------------------------- */

/* `column "width"`, or `column 3` where there are no names. */
static const char *column_text(const csv_table *table, size_t column, char room[96])
{
    if (table->names != NULL && table->names[column][0] != '\0')
        snprintf(room, 96, "column \"%.80s\"", table->names[column]);
    else
        snprintf(room, 96, "column %zu", column);
    return room;
}

static cinch_status refuse_cell(const csv_table *table, const csv_cell *cell, size_t line, size_t column,
                                cinch_error *error)
{
    const char *source = table->options->source;
    char where[96], text[41];
    bool whole = copy_cell(cell, text, sizeof text);

    if (!whole)
        text[sizeof text - 1] = '\0';
    column_text(table, column, where);
    if (cell->length == 0)
        return cn_fail(error, CINCH_BAD_INPUT, "%s:%zu: %s is empty (see --missing)", source, line, where);
    if (is_missing(cell))
        return cn_fail(error, CINCH_BAD_INPUT, "%s:%zu: %s is missing: \"%s\" (see --missing)", source, line,
                       where, text);
    if (has_decimal_comma(cell))
        return cn_fail(error, CINCH_BAD_INPUT,
                       "%s:%zu: %s: \"%s\" has a comma: write 1.5 for decimals, 1201 for thousands", source,
                       line, where, text);
    if (table->columns == 1 && strpbrk(text, " :|") != NULL)
        return cn_fail(error, CINCH_BAD_INPUT,
                       "%s:%zu: %s: \"%s%s\" is not a number: cells are parted by a comma, ; or a tab",
                       source, line, where, text, whole ? "" : "...");
    return cn_fail(error, CINCH_BAD_INPUT,
                   "%s:%zu: %s: \"%s%s\" is not a number (see --missing, --columns and --label)", source,
                   line, where, text, whole ? "" : "...");
}

static cinch_status take_number(const csv_table *table, const csv_cell *cell, size_t line, size_t column,
                                double *value, cinch_error *error)
{
    if (read_number(cell, value))
        return CINCH_OK;
    if (!is_missing(cell) || !table->options->missing_is_nan)
        return refuse_cell(table, cell, line, column, error);
    *value = NAN;
    return CINCH_OK;
}

/* Keeps the label's text; its class is known when all are read. */
static cinch_status take_label(csv_table *table, const csv_cell *cell, size_t line, size_t row,
                               cinch_error *error)
{
    char text[NUMBER_ROOM];
    double number = 0;

    table->label_at[row] = SIZE_MAX;
    table->labels[row].row = row;
    if (is_missing(cell))
        return table->options->missing_is_nan ? CINCH_OK
                                              : refuse_cell(table, cell, line, table->label, error);
    if (!copy_cell(cell, text, sizeof text))
        return cn_fail(error, CINCH_BAD_INPUT, "%s:%zu: the label is longer than %d bytes",
                       table->options->source, line, NUMBER_ROOM - 1);
    table->numeric = table->numeric && read_number(cell, &number);
    table->labels[row].number = number;
    table->label_at[row] = table->label_text.length;
    cn_text_add_bytes(&table->label_text, text, strlen(text) + 1);
    return CINCH_OK;
}

static cinch_status read_row(csv_table *table, cursor *in, size_t row, double *values, cinch_error *error)
{
    size_t line = in->line;
    cinch_status status = CINCH_OK;
    csv_cell cell;

    for (size_t i = 0; i < table->columns && status == CINCH_OK; i++) {
        status = next_cell(in, &cell, table->options->source, error);
        if (status == CINCH_OK && table->target[i] != 0)
            status = take_number(table, &cell, line, i, &values[table->target[i] - 1], error);
        if (status == CINCH_OK && i == table->label)
            status = take_label(table, &cell, line, row, error);
    }
    return status;
}

static cinch_status read_rows(csv_table *table, double *values, cinch_error *error)
{
    cursor in = table->first;

    for (size_t row = 0; row < table->rows;) {
        if (skip_blank_line(&in, table->columns))
            continue;
        cinch_status status = read_row(table, &in, row, values + row * table->nchosen, error);
        if (status != CINCH_OK)
            return status;
        row++;
    }
    return CINCH_OK;
}

static cinch_status make_classes(csv_table *table, cn_array *array, cinch_error *error)
{
    char *block = cn_text_take(&table->label_text, error);

    if (block == NULL)
        return CINCH_MEMORY;
    for (size_t i = 0; i < table->rows; i++)
        table->labels[i].text = table->label_at[i] != SIZE_MAX ? block + table->label_at[i] : NULL;
    cinch_status status =
        cn_classes_make(array, table->labels, table->rows, table->numeric, table->options->source, error);
    cn_free(block);
    return status;
}

/* The chosen columns' names in their order, again one block. */
static cinch_status give_names(const csv_table *table, cn_array *array, cinch_error *error)
{
    size_t nbytes = table->nchosen * sizeof *array->columns;

    for (size_t i = 0; i < table->nchosen; i++)
        nbytes += strlen(table->names[table->chosen[i]]) + 1;
    array->columns = cn_new(nbytes, 1, error);
    if (array->columns == NULL)
        return CINCH_MEMORY;
    char *room = (char *)(array->columns + table->nchosen);
    for (size_t i = 0; i < table->nchosen; i++) {
        size_t length = strlen(table->names[table->chosen[i]]) + 1;
        array->columns[i] = memcpy(room, table->names[table->chosen[i]], length);
        room += length;
    }
    return CINCH_OK;
}

static cinch_status read_table(csv_table *table, cn_array *array, cinch_error *error)
{
    array->type = CINCH_F64;
    array->shape = (cinch_shape){2, {table->rows, table->nchosen}};
    array->table = true;
    array->first_line = table->whole_lines ? table->first.line : 0;
    size_t nvalue;
    if (!cn_multiply(table->rows, table->nchosen, &nvalue))
        return cn_fail(error, CINCH_MEMORY, "%s: is too large", table->options->source);
    array->values = cn_new(nvalue, sizeof(double), error);
    if (array->values == NULL)
        return CINCH_MEMORY;
    bool labelled = table->label < table->columns;
    if (labelled) {
        table->numeric = true;
        table->labels = cn_new(table->rows, sizeof *table->labels, error);
        table->label_at = cn_new(table->rows, sizeof *table->label_at, error);
        if (table->labels == NULL || table->label_at == NULL)
            return CINCH_MEMORY;
    }
    cinch_status status = read_rows(table, array->values, error);
    if (status == CINCH_OK && labelled)
        status = make_classes(table, array, error);
    if (status == CINCH_OK && table->names != NULL)
        status = give_names(table, array, error);
    return status;
}

/* ---- The format ---------------------------------------------------------------------------------------- */

/* Any text: no control bytes but those of lines and tables. */
static bool csv_probe(const unsigned char *head, size_t nbytes)
{
    for (size_t i = 0; i < nbytes; i++) {
        if ((head[i] < ' ' && (head[i] < '\t' || head[i] > '\r')) || head[i] == 0x7f)
            return false;
    }
    return true;
}

static cinch_status csv_claim(const unsigned char *head, size_t nbytes, const cn_format_options *options,
                              size_t *claimed, cinch_error *error)
{
    (void)head, (void)nbytes, (void)options, (void)error;
    *claimed = 0;
    return CINCH_OK;
}

static cinch_status csv_parse(cn_bytes *bytes, const cn_format_options *options, cn_array *array,
                              cinch_error *error)
{
    csv_table table = {.options = options};
    cinch_status status = find_text(bytes, &table, error);

    if (status == CINCH_OK)
        status = read_header(&table, error);
    if (status == CINCH_OK)
        status = count_rows(&table, error);
    if (status == CINCH_OK)
        status = choose_columns(&table, error);
    if (status == CINCH_OK)
        status = read_table(&table, array, error);
    clear_table(&table);
    if (status != CINCH_OK)
        cn_array_clear(array);
    return status;
}

const cn_format cn_format_csv = {
    .name = "csv",
    .last = true,
    .probe = csv_probe,
    .claim = csv_claim,
    .parse = csv_parse,
};
