/* A growing text buffer, and texts as other formats want them. */
#ifndef CN_BASE_TEXT_H
#define CN_BASE_TEXT_H

#include "base/error.h"

/* After a failed allocation a cn_text stays empty and `failed`; the caller asks once, at the end. */
typedef struct cn_text {
    char *chars; /* NUL at its end; NULL while empty */
    size_t length, room;
    bool failed;
} cn_text;

void cn_text_add(cn_text *text, const char *format, ...) CN_PRINTF(2, 3);
void cn_text_add_bytes(cn_text *text, const void *bytes, size_t nbytes);
/* Shortest decimal that reads back to the same double ("0.1", "1e-06", "nan", "inf"), '.' in any locale. */
void cn_text_add_number(cn_text *text, double value);
/* The buffer, now the caller's (cn_free); NULL and CINCH_MEMORY if anything failed. Never NULL for an
 * empty text. */
char *cn_text_take(cn_text *text, cinch_error *error);
void cn_text_clear(cn_text *text);

/* The same decimal in a buffer of the caller's, for messages. */
enum { CN_NUMBER_ROOM = 40 };
void cn_number_print(double value, char chars[CN_NUMBER_ROOM]);

/* A whole text as a number, '.' in any locale: decimal or exponent form, "nan" and "inf" refused, hexadecimal
 * refused. False where it is not one. */
bool cn_text_number(const char *text, double *value);

/* The name of a NULL-terminated list nearest to `wrong` by edit distance (adjacent swaps count one, case
 * and - for _ nothing); NULL where none is near. */
const char *cn_text_nearest(const char *wrong, const char *const *names);

#endif
