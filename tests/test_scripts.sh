#!/bin/bash
# The build's scripts: tables from file names, the graph of the folders, files rewritten only on change, counts
# beside those of a record.
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

# Counts of instructions and their record, as scripts/guard would have them after counting.
mkdir -p tree/bench
cp "$root"/scripts/guard tree/scripts/
counts() { # counts DENSE CONV DONUT [REASON]
    paste <(printf '%s\n' mnist-dense mnist-conv donut-tied) <(printf '%s\n' "$1" "$2" "$3") \
        <(yes 'gcc 1.0 -O2' | head -n 3) ${4:+<(yes "$4" | head -n 3)}
}
# guarded NAME STATUS LINE: the status of a comparison, and a line that it must say.
guarded() {
    tree/scripts/guard --counts "$work/counts" > said 2>&1
    judge "$1" "$([ $? = "$2" ] && grep -qxF "$3" said || cat said)"
}
counts 1000000 2000000 300000000000 > counts
counts 1000000 2000000 300000000000 "the first" > tree/bench/guard.tsv
guarded "counts as recorded" 0 'guard: 3 passed, 0 failed, 0 skipped'
counts 1000000 1900000 300000000000 "the first" > tree/bench/guard.tsv
guarded "more than recorded fails" 1 'FAIL guard/mnist-conv: recorded 1900000, counted 2000000, +5.26 %'
guarded "one work of three" 1 'guard: 2 passed, 1 failed, 0 skipped'
counts 971000 2000000 315000000000 "the first" > tree/bench/guard.tsv
guarded "a little more passes" 0 'PASS guard/mnist-dense: recorded 971000, counted 1000000, +2.99 %'
guarded "so does less, with a word" 0 "PASS guard/donut-tied: recorded 315000000000, counted 300000000000,\
 -4.76 %: lower the record: scripts/guard --record REASON"
sed -i 's/1\.0/1.1/' tree/bench/guard.tsv
guarded "another compiler's record is left alone" 0 'guard: 0 passed, 0 failed, 3 skipped'
counts 1000000 2000000 300000000000 > tree/bench/guard.tsv
guarded "a record without a reason fails" 1 'guard: 0 passed, 3 failed, 0 skipped'
counts 0 2000000 300000000000 > counts
counts 1000000 2000000 300000000000 "the first" | sed '$d' > tree/bench/guard.tsv
guarded "nothing counted, nothing recorded" 1 'guard: 1 passed, 2 failed, 0 skipped'

counts 1000500 3000000 300000000000 > counts
counts 1000000 2000000 300000000000 "the first" > tree/bench/guard.tsv
tree/scripts/guard --counts "$work/counts" --record "wider rows" > said 2>&1
judge "what moved is recorded anew, with its reason" "$(diff said tree/bench/guard.tsv
    diff <(cut -f 2,4 tree/bench/guard.tsv | tail -n 3) \
        <(printf '%s\t%s\n' 1000000 "the first" 3000000 "wider rows" 300000000000 "the first"))"
tree/scripts/guard --counts "$work/counts" --record '' > said 2>&1
judge "no reason, no record" "$([ $? = 2 ] && grep -q usage said || cat said)"

if command -v git > said; then
    tree_git() { git -C tree -c user.name=test -c user.email=test@localhost "$@" > said 2>&1; }
    counts 1000000 2000000 300000000000 > counts
    counts 900000 2000000 300000000000 "the first" > tree/bench/guard.tsv
    tree_git init && tree_git add bench && tree_git commit -m first
    guarded "a committed record" 1 'guard: 2 passed, 1 failed, 0 skipped'
    counts 1000000 2000000 300000000000 "the first" > tree/bench/guard.tsv
    guarded "a record raised for no reason" 1 \
        'FAIL guard/mnist-dense: its record is changed without a reason of its own'
    tree_git commit -a -m second
    guarded "and so committed" 1 'guard: 2 passed, 1 failed, 0 skipped'
    counts 1000000 2000000 300000000000 "wider rows" > tree/bench/guard.tsv
    tree_git commit -a --amend -m second
    guarded "a record raised for a reason" 0 'guard: 3 passed, 0 failed, 0 skipped'
fi

finish
