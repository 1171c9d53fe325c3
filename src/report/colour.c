#include "report/colour.h"

#include <math.h>

static double limited(double t)
{
    return t > 0 ? fmin(t, 1) : 0;
}

/* A linear light in [0, 1] as an sRGB byte (IEC 61966-2-1). */
static uint32_t byte_of_light(double light)
{
    double s = limited(light);
    s = s <= 0.0031308 ? 12.92 * s : 1.055 * pow(s, 1 / 2.4) - 0.055;
    return (uint32_t)lround(255 * s);
}

/* Oklab (Ottosson 2020): lightness, and the two axes green-red and blue-yellow. */
static cn_colour oklab(double lightness, double a, double b)
{
    double l = pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
    double m = pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
    double s = pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
    uint32_t red = byte_of_light(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s);
    uint32_t green = byte_of_light(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s);
    uint32_t blue = byte_of_light(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s);
    return 0xff000000 | red << 16 | green << 8 | blue;
}

/* Lightness 0.22 to 0.93; the hue turns from violet (305 degrees) back to yellow (105); as colourful
 * as a screen can show all the way, which in the middle, at teal, is least. */
cn_colour cn_colour_scale(double t)
{
    if (isnan(t))
        return 0xffff80c0;
    t = limited(t);
    double rise = fmax(0, t - 0.5), hue = (305 - 200 * t) * M_PI / 180, chroma = 0.095 + 0.3 * rise * rise;
    return oklab(0.22 + 0.71 * t, chroma * cos(hue), chroma * sin(hue));
}

cn_colour cn_colour_grey(double t)
{
    if (isnan(t))
        return 0xffff80c0;
    uint32_t grey = (uint32_t)lround(255 * limited(t));
    return 0xff000000 | grey << 16 | grey << 8 | grey;
}

cn_colour cn_colour_class(size_t index)
{
    static const cn_colour colours[CN_CLASS_COLOURS] = {0xff0072b2, 0xffd55e00, 0xff009e73, 0xffcc79a7,
                                                        0xffe69f00, 0xff56b4e9, 0xff000000, 0xfff0e442};
    return colours[index % CN_CLASS_COLOURS];
}

cn_colour cn_colour_fade(cn_colour colour, double opacity)
{
    return (colour & 0xffffff) | (uint32_t)lround(255 * limited(opacity)) << 24;
}
