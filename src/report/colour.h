/* Colours that keep their order in grey print and for eyes that see fewer colours. */
#ifndef CN_REPORT_COLOUR_H
#define CN_REPORT_COLOUR_H

#include "report/painter.h"

#define CN_INK   0xff222222 /* text */
#define CN_PALE  0xff6b6b6b /* lesser text */
#define CN_FRAME 0xffb4b4b4
#define CN_GRID  0xffe6e6e6

/* t in [0, 1] (beyond it: its end; NaN: a pink that is no value): dark violet over green to light
 * yellow, lightness rising evenly. */
cn_colour cn_colour_scale(double t);
cn_colour cn_colour_grey(double t);

/* Classes: the eight of Okabe and Ito, pale ones last; beyond them they come again, with other marks. */
enum { CN_CLASS_COLOURS = 8 };
cn_colour cn_colour_class(size_t index);

cn_colour cn_colour_fade(cn_colour colour, double opacity);

#endif
