#!/bin/bash
# The build's scripts: tables from file names, the graph of the folders, files rewritten only on change.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/common.sh"

# same NAME TEXT FILE
same() {
    judge "$1" "$(diff <(printf '%s\n' "$2") "$3" 2>&1 | head -n 5)"
}

"$root"/scripts/parts penalty src/train/penalty_kl.c extra/penalty_activity_l1.c > table
same "a table in alphabetical order" '/* Every penalty, from the names of the files: made by scripts/parts. */
#include "train/penalty.h"

extern const cn_penalty cn_penalty_activity_l1;
extern const cn_penalty cn_penalty_kl;

const cn_penalty *const cn_penalties[] = {
    &cn_penalty_activity_l1,
    &cn_penalty_kl,
    NULL,
};' table
"$root"/scripts/parts loss > table
judge "an empty table ends in NULL" "$(grep -q 'cn_losses\[\] = {$' table && tail -n 2 table | head -n 1 | grep -q NULL ||
    cat table)"
"$root"/scripts/parts layer a/layer_x.c b/layer_x.c > table 2>&1
judge "two parts of one name are refused" "$([ $? = 1 ] || cat table)"

echo one | "$root"/scripts/rewrite made/file
touch -d @1000000 made/file
echo one | "$root"/scripts/rewrite made/file
judge "the same text leaves a file alone" "$([ "$(stat -c %Y made/file)" = 1000000 ] || echo "it was written")"
echo two | "$root"/scripts/rewrite made/file
same "another text rewrites it" two made/file
judge "nothing else is left" "$(find made -type f ! -name file)"

# A small tree of folders, and what must not be in it.
mkdir -p tree/scripts tree/include tree/src/base tree/src/train tree/cli
cp "$root"/scripts/layers tree/scripts/
touch tree/include/cinch.h
plant() {
    echo '#include "cinch.h"' > tree/src/base/text.h
    printf '#include <stdio.h>\n#include "base/text.h"\n' > tree/src/train/plan.h
    printf '#include "cinch.h"\n#include "cli/cli.h"\n' > tree/cli/main.c
    touch tree/cli/cli.h
}
plant
tree/scripts/layers > graph 2>&1
judge "arrows that run down" "$([ $? = 0 ] || cat graph)"
same "the graph" 'base
train    base
cli      cinch.h' graph
refused() {
    tree/scripts/layers > graph 2>&1
    judge "$1" "$([ $? != 0 ] && grep -q "$2" graph || cat graph)"
    plant
}
echo '# include "train/plan.h"' >> tree/src/base/text.h
refused "an arrow upward" 'src/base/text.h:2: upward'
echo '#include "base/text.h"' >> tree/cli/main.c
refused "the command looking into the library" 'cli/main.c:3: cli includes'
echo '#include "plan.h"' >> tree/src/train/plan.h
refused "an include without its folder" 'src/train/plan.h:3: .* has no folder'

finish
