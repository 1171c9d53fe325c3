/* Failing: a status, one line of text with the place and the remedy, the first error kept. */
#ifndef CN_BASE_ERROR_H
#define CN_BASE_ERROR_H

#include "cinch.h"

#if defined(__GNUC__)
#define CN_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define CN_PRINTF(text, first)
#endif

/* Records status and message unless `error` is NULL or already holds one; returns status, so that a
 * function can say `return cn_fail(...)`. Bytes that are not printable ASCII or valid UTF-8 are escaped as
 * \xHH; what does not fit is cut at its end. */
cinch_status cn_fail(cinch_error *error, cinch_status status, const char *format, ...) CN_PRINTF(3, 4);

/* A text as it may be shown: what is not printable UTF-8, and marks that reorder or break a line, as \xHH;
 * cut where `room` ends. */
void cn_escape(const char *source, char *target, size_t room);

/* Puts "prefix" before a recorded message: "run/recipe.ini:7: " + what a parser said. */
void cn_fail_prefix(cinch_error *error, const char *format, ...) CN_PRINTF(2, 3);

#endif
