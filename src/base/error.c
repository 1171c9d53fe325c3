#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Bytes of the well-formed UTF-8 sequence at `s` (Unicode 15, table 3-7), its code point in *point; 0
 * where there is none. Stops at the terminating NUL. */
static size_t utf8_length(const unsigned char *s, unsigned *point)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = s[0] < 0x80             ? 1
                    : (s[0] & 0xe0) == 0xc0 ? 2
                    : (s[0] & 0xf0) == 0xe0 ? 3
                    : (s[0] & 0xf8) == 0xf0 ? 4
                                            : 0;
    unsigned value = length < 2 ? s[0] : s[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (s[i] & 0x3f);
    }
    *point = value;
    return value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff) || value < least[length] ? 0 : length;
}

/* Unicode's noncharacters, which cairo, for one, takes no text with. */
static bool is_no_character(unsigned point)
{
    return (point & 0xfffe) == 0xfffe || (point >= 0xfdd0 && point <= 0xfdef);
}

/* Whether a terminal may be shown it: no control characters, none of the marks that reorder or break a
 * line. */
static bool is_shown(unsigned point)
{
    return !is_no_character(point) && point >= 0x20 && !(point >= 0x7f && point <= 0x9f) && point != 0x200e &&
           point != 0x200f && !(point >= 0x2028 && point <= 0x202e) && !(point >= 0x2066 && point <= 0x2069);
}

void cn_escape(const char *source, char *target, size_t room)
{
    const unsigned char *s = (const unsigned char *)source;
    size_t length = 0;
    while (*s) {
        unsigned point = 0;
        size_t nbytes = utf8_length(s, &point);
        bool shown = nbytes > 0 && is_shown(point);
        size_t written = shown ? nbytes : 4;
        if (length + written >= room)
            break;
        if (shown)
            memcpy(target + length, s, nbytes);
        else
            snprintf(target + length, 5, "\\x%02x", (unsigned)*s);
        length += written;
        s += shown ? nbytes : 1;
    }
    target[length] = '\0';
}

cinch_status cn_fail(cinch_error *error, cinch_status status, const char *format, ...)
{
    if (!error || error->status != CINCH_OK)
        return status;
    char text[2 * sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    error->status = status;
    cn_escape(length < 0 ? format : text, error->message, sizeof error->message);
    return status;
}

void cn_fail_prefix(cinch_error *error, const char *format, ...)
{
    if (!error || error->status == CINCH_OK)
        return;
    char text[2 * sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof error->message, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, "%s", error->message);
    cn_escape(text, error->message, sizeof error->message);
}
