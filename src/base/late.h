/* Late parts: shared objects that hold a large library (cairo, libzip) behind one table of functions, opened
 * on first use, so that who needs none of them starts without it. */
#ifndef CN_BASE_LATE_H
#define CN_BASE_LATE_H

#include "base/error.h"

/* The table `symbol` of NAME.so ("cinch-cairo"), from the folder `late` beside the program, else from the
 * folder fixed when Cinch was built; never from the environment. It stays open: the table lives as long as
 * the program. NULL and CINCH_FAILED where it cannot be opened, naming the file and the package. Any
 * thread. */
const void *cn_late_open(const char *name, const char *symbol, cinch_error *error);

#endif
