#include "base/text.h"

#include <ctype.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* ---- The buffer ---------------------------------------------------------------------------------------- */

static void give_up(cn_text *text)
{
    cn_free(text->chars);
    *text = (cn_text){.failed = true};
}

/* Room for `more` characters and the NUL; false where there is none. */
static bool make_room(cn_text *text, size_t more)
{
    size_t needed;
    if (text->failed)
        return false;
    if (!cn_add(text->length, more, &needed) || !cn_add(needed, 1, &needed)) {
        give_up(text);
        return false;
    }
    if (needed <= text->room)
        return true;
    size_t room = text->room > needed / 2 ? text->room * 2 : needed < 64 ? 64 : needed;
    char *chars = cn_resize(text->chars, room, 1, NULL);
    if (!chars) {
        give_up(text);
        return false;
    }
    text->chars = chars;
    text->room = room;
    return true;
}

void cn_text_add_bytes(cn_text *text, const void *bytes, size_t nbytes)
{
    if (!make_room(text, nbytes))
        return;
    if (nbytes > 0)
        memcpy(text->chars + text->length, bytes, nbytes);
    text->length += nbytes;
    text->chars[text->length] = '\0';
}

void cn_text_add(cn_text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length < 0)
        give_up(text);
    else if (make_room(text, (size_t)length)) {
        vsnprintf(text->chars + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
    va_end(arguments);
}

char *cn_text_take(cn_text *text, cinch_error *error)
{
    char *chars = text->chars;
    if (text->failed)
        cn_fail(error, CINCH_MEMORY, "out of memory: no room for a text");
    else if (!chars)
        chars = cn_copy_text("", error);
    *text = (cn_text){0};
    return chars;
}

void cn_text_clear(cn_text *text)
{
    cn_free(text->chars);
    *text = (cn_text){0};
}

/* ---- Numbers ------------------------------------------------------------------------------------------- */

static size_t skip_digits(const char *text, size_t at)
{
    while (isdigit((unsigned char)text[at]))
        at++;
    return at;
}

/* [sign] digits [. digits] [e [sign] digits], with a digit before or after the point, to the text's end. */
static bool is_number(const char *text)
{
    size_t at = text[0] == '+' || text[0] == '-';
    size_t whole = skip_digits(text, at), digits = whole - at;
    at = whole;
    if (text[at] == '.') {
        size_t end = skip_digits(text, at + 1);
        digits += end - at - 1;
        at = end;
    }
    if (digits == 0)
        return false;
    if (text[at] == 'e' || text[at] == 'E') {
        at += text[at + 1] == '+' || text[at + 1] == '-' ? 2 : 1;
        size_t end = skip_digits(text, at);
        if (end == at)
            return false;
        at = end;
    }
    return text[at] == '\0';
}

/* Clinger's fast case (How to read floating point numbers accurately, PLDI 1990): at most 15 digits are an
 * exact double, so is 10^22, and one division or multiplication of the two rounds once. */
static bool read_exactly(const char *text, double *value)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    bool negative = text[0] == '-';
    const char *at = text + (negative || text[0] == '+');
    double mantissa = 0;
    int digits = 0, decimals = 0;
    bool fraction = false;
    for (; *at && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        mantissa = mantissa * 10 + (*at - '0');
        digits += digits > 0 || *at != '0';
        decimals += fraction;
        if (digits > 15 || decimals > 22)
            return false;
    }
    if (*at && strlen(at) > 5)
        return false;
    int power = (*at ? atoi(at + 1) : 0) - decimals;
    if (power < -22 || power > 22)
        return false;
    *value = power < 0 ? mantissa / powers[-power] : mantissa * powers[power];
    *value = negative ? -*value : *value;
    return true;
}

static locale_t c_locale(void)
{
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

bool cn_text_number(const char *text, double *value)
{
    if (!is_number(text))
        return false;
    if (read_exactly(text, value))
        return true;
    locale_t locale = c_locale();
    if (!locale)
        return false;
    *value = strtod_l(text, NULL, locale);
    freelocale(locale);
    return isfinite(*value);
}

static void print_digits(double value, int precision, char chars[CN_NUMBER_ROOM])
{
    locale_t locale = c_locale(), before = uselocale(locale);
    snprintf(chars, CN_NUMBER_ROOM, "%.*g", precision, value);
    uselocale(before);
    if (locale)
        freelocale(locale);
}

/* A decimal of at most 15 digits goes through a double and back (C11 5.2.4.2.2), and %g drops the zeros at
 * the end, so the search begins there; below DBL_MIN the digits are fewer. */
void cn_number_print(double value, char chars[CN_NUMBER_ROOM])
{
    if (!isfinite(value)) {
        snprintf(chars, CN_NUMBER_ROOM, "%s", isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    double back = 0;
    for (int precision = fabs(value) < DBL_MIN ? 1 : 15; precision <= 17; precision++) {
        print_digits(value, precision, chars);
        if (precision == 17 || (cn_text_number(chars, &back) && back == value))
            return;
    }
}

void cn_text_add_number(cn_text *text, double value)
{
    char chars[CN_NUMBER_ROOM];
    cn_number_print(value, chars);
    cn_text_add_bytes(text, chars, strlen(chars));
}

/* ---- The nearest name ---------------------------------------------------------------------------------- */

enum { LONGEST_NAME = 48 };

static char folded(char c)
{
    return c == '-' ? '_' : (char)tolower((unsigned char)c);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: the fewest insertions, deletions, substitutions and swaps of neighbours (each
 * place edited once); case and - or _ count nothing. rows[i][j] is the distance of a's first i to b's
 * first j. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[LONGEST_NAME + 1][LONGEST_NAME + 1];
    for (size_t i = 0; i <= a_length; i++) {
        for (size_t j = 0; j <= b_length; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = i + j;
                continue;
            }
            char x = folded(a[i - 1]), y = folded(b[j - 1]);
            size_t best = least(rows[i - 1][j] + 1, rows[i][j - 1] + 1);
            best = least(best, rows[i - 1][j - 1] + (x != y));
            if (i > 1 && j > 1 && x == folded(b[j - 2]) && folded(a[i - 2]) == y)
                best = least(best, rows[i - 2][j - 2] + 1);
            rows[i][j] = best;
        }
    }
    return rows[a_length][b_length];
}

/* Near: a third of the shorter one's letters wrong and one more, but something right; or the name's
 * beginning. */
const char *cn_text_nearest(const char *wrong, const char *const *names)
{
    const char *nearest = NULL;
    size_t wrong_length = strlen(wrong), nearest_distance = SIZE_MAX;
    if (wrong_length > LONGEST_NAME)
        return NULL;
    for (; *names; names++) {
        size_t length = strlen(*names), shorter = least(length, wrong_length);
        if (length > LONGEST_NAME)
            continue;
        size_t distance = edit_distance(wrong, wrong_length, *names, length);
        bool beginning = wrong_length > 1 && strncmp(wrong, *names, wrong_length) == 0;
        bool near = distance <= 1 + shorter / 3 && distance < length + wrong_length - shorter;
        if ((near || beginning) && distance < nearest_distance) {
            nearest = *names;
            nearest_distance = distance;
        }
    }
    return nearest;
}
