/* INI: [section] lines, key = value lines, comments from # or ; at a line's beginning. No continuation, no
 * length limit; values keep their inner blanks. */
#ifndef CN_BASE_INI_H
#define CN_BASE_INI_H

#include "base/error.h"

/* Calls entry for each key in order; it returns a status, its message gets "source:line: " in front. Bytes
 * need not end in NUL; a NUL byte, a line without "=" or a key before a section's end bracket is refused. */
typedef cinch_status cn_ini_entry(void *user, const char *section, const char *key, const char *value,
                                  cinch_error *error);

cinch_status cn_ini_parse(const char *source, const char *chars, size_t length, cn_ini_entry *entry,
                          void *user, cinch_error *error);

#endif
