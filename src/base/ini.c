#include "base/ini.h"

#include <string.h>

#include "base/memory.h"

typedef struct reader {
    char *section;
    cn_ini_entry *entry;
    void *user;
} reader;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/* The text without the blanks around it; its end is cut in place. */
static char *trimmed(char *text)
{
    while (is_blank(*text))
        text++;
    char *end = text + strlen(text);
    while (end > text && is_blank(end[-1]))
        end--;
    *end = '\0';
    return text;
}

static cinch_status read_section(reader *state, char *line, cinch_error *error)
{
    size_t length = strlen(line);
    if (line[length - 1] != ']')
        return cn_fail(error, CINCH_BAD_INPUT, "\"%.80s\" lacks the bracket that ends a section's name",
                       line);
    line[length - 1] = '\0';
    state->section = trimmed(line + 1);
    return CINCH_OK;
}

static cinch_status read_line(reader *state, char *line, cinch_error *error)
{
    line = trimmed(line);
    if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
        return CINCH_OK;
    if (line[0] == '[')
        return read_section(state, line, error);
    char *equals = strchr(line, '=');
    if (!equals)
        return cn_fail(error, CINCH_BAD_INPUT,
                       "\"%.80s\" is neither [section] nor key = value nor a comment (#)", line);
    *equals = '\0';
    char *key = trimmed(line), *value = trimmed(equals + 1);
    if (key[0] == '\0')
        return cn_fail(error, CINCH_BAD_INPUT, "no key stands before \"=\"");
    return state->entry(state->user, state->section, key, value, error);
}

/* `chars` ends in a NUL of ours after `length` bytes and is cut up in place. */
static cinch_status read_lines(reader *state, const char *source, char *chars, size_t length,
                               cinch_error *error)
{
    char *end = chars + length;
    if (length >= 3 && memcmp(chars, "\xef\xbb\xbf", 3) == 0)
        chars += 3;
    for (size_t number = 1; chars < end; number++) {
        char *feed = memchr(chars, '\n', (size_t)(end - chars));
        char *stop = feed ? feed : end;
        *stop = '\0';
        cinch_error local = {0};
        cinch_status status = memchr(chars, '\0', (size_t)(stop - chars))
                                  ? cn_fail(&local, CINCH_BAD_INPUT, "a NUL byte stands in this line")
                                  : read_line(state, chars, &local);
        if (status != CINCH_OK)
            return cn_fail(error, status, "%s:%zu: %s", source, number, local.message);
        chars = stop + 1;
    }
    return CINCH_OK;
}

cinch_status cn_ini_parse(const char *source, const char *chars, size_t length, cn_ini_entry *entry,
                          void *user, cinch_error *error)
{
    size_t room;
    char nowhere[] = "";
    char *copy = cn_add(length, 1, &room) ? cn_resize(NULL, room, 1, error) : NULL;
    if (!copy)
        return cn_fail(error, CINCH_MEMORY, "%s: out of memory", source);
    if (length > 0)
        memcpy(copy, chars, length);
    copy[length] = '\0';
    reader state = {.section = nowhere, .entry = entry, .user = user};
    cinch_status status = read_lines(&state, source, copy, length, error);
    cn_free(copy);
    return status;
}
