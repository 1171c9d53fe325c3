/* Texts in and out: failures, the nearest name, shapes, JSON. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

cinch_status cn_cli_fail(cinch_error *error, cinch_status status, const char *format, ...)
{
    if (error->status != CINCH_OK)
        return status;
    char text[sizeof error->message];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    error->status = status;
    size_t length = 0;
    for (const char *c = text; *c && length + 5 < sizeof error->message; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte < 32 || byte == 127)
            length += (size_t)snprintf(error->message + length, 5, "\\x%02x", byte);
        else
            error->message[length++] = *c;
    }
    error->message[length] = '\0';
    return status;
}

/* ---- The nearest name ---------------------------------------------------------------------------------- */

enum { LONGEST = 31 };

/* Insertions, deletions, substitutions, swaps of neighbours between two names of at most LONGEST letters. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t rows = strlen(a), columns = strlen(b);
    size_t cost[LONGEST + 1][LONGEST + 1];
    for (size_t i = 0; i <= rows; i++)
        for (size_t j = 0; j <= columns; j++) {
            if (i == 0 || j == 0) {
                cost[i][j] = i + j;
                continue;
            }
            size_t best = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (cost[i - 1][j] + 1 < best)
                best = cost[i - 1][j] + 1;
            if (cost[i][j - 1] + 1 < best)
                best = cost[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                cost[i - 2][j - 2] + 1 < best)
                best = cost[i - 2][j - 2] + 1;
            cost[i][j] = best;
        }
    return cost[rows][columns];
}

const char *cn_nearest(const char *wrong, const char *const *names, size_t count)
{
    size_t length = strlen(wrong);
    if (length > LONGEST)
        return NULL;
    size_t least = length < 3 ? 2 : length < 6 ? 3 : 4; /* one, two, three slips */
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) > LONGEST)
            continue;
        size_t distance = edit_distance(wrong, names[i]);
        if (distance < least && distance < strlen(names[i])) {
            least = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

/* ---- Shapes -------------------------------------------------------------------------------------------- */

/* Bytes of what a terminal must not be sent as it is, 0 for anything else: control characters, those beyond
 * ASCII too (U+0080 to U+009F), and the marks that reorder or break a line, as in the library's messages
 * (U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069). */
static size_t hidden_length(const unsigned char *c)
{
    if (*c < 32 || *c == 127)
        return 1;
    if (c[0] == 0xC2 && c[1] >= 0x80 && c[1] < 0xA0)
        return 2;
    if (c[0] != 0xE2 || (c[1] != 0x80 && c[1] != 0x81))
        return 0;
    bool mark = c[1] == 0x80 ? c[2] == 0x8E || c[2] == 0x8F || (c[2] >= 0xA8 && c[2] <= 0xAE)
                             : c[2] >= 0xA6 && c[2] <= 0xA9;
    return mark ? 3 : 0;
}

static void print_escaped(FILE *out, const char *text, bool doubled)
{
    const unsigned char *c = (const unsigned char *)text;
    while (*c) {
        size_t hidden = hidden_length(c);
        if (doubled && *c == '"')
            putc('"', out);
        for (size_t i = 0; i < hidden; i++)
            fprintf(out, "\\x%02x", c[i]);
        if (!hidden)
            putc(*c, out);
        c += hidden ? hidden : 1;
    }
}

void cn_print_escaped(FILE *out, const char *text)
{
    print_escaped(out, text, false);
}

void cn_print_name(FILE *out, const char *name)
{
    const char *quote = strpbrk(name, ",\"") ? "\"" : "";
    fputs(quote, out);
    print_escaped(out, name, *quote);
    fputs(quote, out);
}

const char *cn_shape_text(cinch_shape shape, char text[CN_SHAPE_TEXT])
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < shape.rank && i < CINCH_MAX_RANK; i++)
        length +=
            (size_t)snprintf(text + length, CN_SHAPE_TEXT - length, "%s%zu", i ? "x" : "", shape.sizes[i]);
    return text;
}

size_t cn_shape_values(cinch_shape shape)
{
    size_t count = 1;
    for (size_t i = 0; i < shape.rank; i++)
        count *= shape.sizes[i];
    return count;
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

/* The code point of a character that hidden_length knows. */
static unsigned hidden_point(const unsigned char *c, size_t length)
{
    return length == 1   ? c[0]
           : length == 2 ? (c[0] & 0x1FU) << 6 | (c[1] & 0x3FU)
                         : (c[0] & 0x0FU) << 12 | (c[1] & 0x3FU) << 6 | (c[2] & 0x3FU);
}

static void print_string(const char *text)
{
    putchar('"');
    const unsigned char *c = (const unsigned char *)text;
    while (*c) {
        size_t hidden = hidden_length(c);
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if (hidden)
            printf("\\u%04x", hidden_point(c, hidden));
        else
            putchar(*c);
        c += hidden ? hidden : 1;
    }
    putchar('"');
}

/* The comma and the key before a member. */
static void begin(cn_json *json, const char *key)
{
    if (json->more)
        fputs(", ", stdout);
    json->more = true;
    if (key) {
        print_string(key);
        fputs(": ", stdout);
    }
}

void cn_json_open(cn_json *json, const char *key, char bracket)
{
    begin(json, key);
    putchar(bracket);
    json->more = false;
}

void cn_json_close(cn_json *json, char bracket)
{
    putchar(bracket);
    json->more = true;
}

void cn_json_text(cn_json *json, const char *key, const char *text)
{
    begin(json, key);
    print_string(text);
}

void cn_json_number(cn_json *json, const char *key, double number)
{
    begin(json, key);
    if (!isfinite(number)) {
        fputs("null", stdout);
        return;
    }
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    fputs(text, stdout);
}

void cn_json_count(cn_json *json, const char *key, size_t count)
{
    begin(json, key);
    printf("%zu", count);
}

void cn_json_shape(cn_json *json, const char *key, cinch_shape shape)
{
    cn_json_open(json, key, '[');
    for (size_t i = 0; i < shape.rank; i++)
        cn_json_count(json, NULL, shape.sizes[i]);
    cn_json_close(json, ']');
}

void cn_json_raw(cn_json *json, const char *key, const char *members)
{
    begin(json, key);
    fputs(members, stdout);
}
