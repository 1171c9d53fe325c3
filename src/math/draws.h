/* Random numbers by the dozen, for what draws one for each value of a row: plain loops that become vector
 * code, over base/random.h's streams. */
#ifndef CN_MATH_DRAWS_H
#define CN_MATH_DRAWS_H

#include "base/random.h"

enum { CN_DRAWN = 64 };

/* words[16 w + l] is word w of the stream's block 16 group + l. */
void cn_draw_words(const cn_random *random, uint32_t group, uint32_t words[CN_DRAWN]);

/* As many standard normal numbers, 5.77 at most: Box and Muller's from the pairs words[l], words[16 + l] and
 * words[32 + l], words[48 + l], whose places the two numbers take. The same numbers in float and in double,
 * to the precision of the first. */
void cn_draw_normals_float(const cn_random *random, uint32_t group, float normals[CN_DRAWN]);
void cn_draw_normals_double(const cn_random *random, uint32_t group, double normals[CN_DRAWN]);

#endif
