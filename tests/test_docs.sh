#!/bin/bash
# The pages: every command in README.md and docs/*.md is run, page by page, in a folder of its own.
#
# A block of a page is fenced and says what it is:
#
#     sh      commands, one a line (a line that ends in \ goes on); each is run, and fails the test where it fails.
#             `make TARGET` is not run: the target must be there.
#     output  what the commands of the sh block before it say: each line, its numbers and names of folders aside,
#             must be among theirs; ... stands for lines left out
#     c, ini  a file, its name in the first line's comment, which the next commands use
#     python  a script, run where its packages are
#     text    a drawing: no command is in it
#
# Any other block fails, and so does an indented one. Small data stand in for MNIST: 240 and 100 blots of 28 x 28.
# `build/cinch` is a script that shortens trainings: `train` without --resume gets --limit 200 and, where it does
# not say --epochs itself, --epochs 2.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/common.sh"
[ "$(basename "${BUILD:-$root/build/release}")" = release ] || exit 77
archive=$root/build/libcinch.a

# ---- What stands in ------------------------------------------------------------------------------------------

make_labels() {
    local escapes
    escapes=$(awk -v rows="$1" 'BEGIN {
        printf "\\0%o\\0%o\\0%o\\0%o\\0%o\\0%o\\0%o\\0%o", 0, 0, 8, 1, 0, 0, int(rows / 256), rows % 256
        for (row = 0; row < rows; row++) printf "\\0%o", row % 10
    }')
    printf '%b' "$escapes" | gzip -1
}

mkdir -p data/mnist
"$root"/scripts/digits 240 | gzip -1 > data/mnist/train-images-idx3-ubyte.gz
make_labels 240 > data/mnist/train-labels-idx1-ubyte.gz
"$root"/scripts/digits 100 | gzip -1 > data/mnist/t10k-images-idx3-ubyte.gz
make_labels 100 > data/mnist/t10k-labels-idx1-ubyte.gz
export CINCH_DATA=$work/data
judge "the stand-in is read" "$("$CINCH" info mnist/train-images-idx3-ubyte.gz 2>&1 | grep -q 240 || echo no)"

cat > short << END
#!/bin/bash
more=()
if [ "\${1:-}" = train ] && [[ " \$* " != *" --resume "* ]]; then
    [[ " \$* " == *" --limit "* ]] || more+=(--limit 200)
    [[ " \$* " == *" --epochs "* ]] || more+=(--epochs 2)
fi
exec '$CINCH' "\$@" "\${more[@]}"
END
chmod +x short

# The library as it will be where it is installed, but for the shared object.
mkdir -p place/lib/pkgconfig
ln -s "$root/include" place/include
ln -s "$archive" place/lib/libcinch.a
"$root/scripts/pkgconfig" "$work/place" 0 "zlib jansson libmd libpng" |
    sed 's/^Requires.private/Requires/; s/^Libs: .*/& -lm -pthread -ldl/' > place/lib/pkgconfig/cinch.pc
export PKG_CONFIG_PATH=$work/place/lib/pkgconfig

png=iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAA # how one of 8 x 8 pixels begins

# new_folder PAGE: what a reader has who stands in the checkout, and the rows that the README speaks of.
new_folder() {
    mkdir -p "$1/build" "$1/photos"
    ln -s "$root/recipes" "$root/examples" "$1"
    ln -s "$work/short" "$1/build/cinch"
    make_table 90 | awk '{ print $0 "," (NR == 1 ? "species" : NR % 2 ? "rose" : "lily") }' > "$1/flowers.csv"
    base64 -d > "$1/photos/a.png" <<< "${png}DklEQVR42mP4zwADFLEAHzcH+U4voEIAAAAASUVORK5CYII="
    base64 -d > "$1/photos/b.png" <<< "${png}DklEQVR42mNggID/FNIAHzcH+QK7kMAAAAAASUVORK5CYII="
}

# ---- Pages ---------------------------------------------------------------------------------------------------

# cut_page FILE: its blocks to NUMBER.KIND, line numbers to NUMBER.line; an indented one is of the kind `indented`.
cut_page() {
    awk '
        function name(kind) { return sprintf("%03d.%s", ++count, kind) }
        /^```/ && !inside {
            kind = substr($0, 4)
            if (kind !~ /^[a-z]+$/) kind = "nothing"
            block = name(kind)
            printf "" > block
            print FNR > sprintf("%03d.line", count)
            inside = 1
            next
        }
        /^```/ { inside = 0; close(block); next }
        inside { print > block; next }
        /^    / && blank && !listed { print FNR > sprintf("%03d.line", count + 1); print > name("indented") }
        /^([-*]|[0-9]+\.) / { listed = 1 }
        /^[^ ]/ && !/^([-*]|[0-9]+\.) / { listed = 0 }
        { blank = /^ *$/ }
        END { if (inside) print "the last block has no end" }' "$1"
}

# commands FILE: one a line.
commands() {
    sed -e ':more' -e '/\\$/{N;s/ *\\\n */ /;b more' -e '}' "$1" | grep -v '^ *\(#.*\)\?$'
}

# masked FILE: without numbers and spaces.
masked() {
    sed -E 's/[-+]?[0-9][0-9.,]*(e[-+]?[0-9]+)?/#/g; s/[ \t]+/ /g; s/^ //; s/ $//' "$1" | tr -d '\r'
}

run_command() {
    local target
    case $1 in
    make\ *)
        for target in ${1#make }; do
            [[ $target == *=* ]] || grep -Eq "^([a-z]+ )*$target( [a-z]+)*:" "$root/Makefile" || echo "no target $target"
        done
        ;;
    *)
        timeout 60 bash -euo pipefail -c "$1" > said 2>&1 < /dev/null || echo "exit $?: $(tail -n 3 said | tr '\n' '/')"
        cat said >> block.said
        ;;
    esac
}

# run_block PAGE NUMBER KIND
run_block() {
    local page=$1 file=$2.$3 where name line
    where="$page:$(cat "$2.line")"
    case $3 in
    sh)
        : > block.said
        while read -r line; do
            judge "$where: $line" "$(run_command "$line")"
            ran=$((ran + 1))
        done < <(commands "$file")
        ;;
    output)
        masked block.said > there
        judge "$where: says so" "$([ -s block.said ] || echo "no commands before it say anything"
            masked "$file" | grep -vxF ... | grep -vxF -f there | head -n 2)"
        ;;
    python)
        if python3 -c "$(grep import "$file")" 2> /dev/null; then
            judge "$where: a script" "$(python3 "$file" > said 2>&1 || tail -n 1 said)"
        else
            echo "ok $where: a script # skip: no package for $(grep import "$file")"
        fi
        ;;
    c | ini)
        name=$(head -n 1 "$file" | grep -o '[a-z-]*\.\(c\|ini\)\b' | head -n 1)
        [ -z "$name" ] || cp "$file" "$name"
        judge "$where: a file" "$([ -n "$name" ] || echo 'its first line does not say its name')"
        ;;
    text)
        judge "$where: a drawing" "$(grep -n cinch "$file")"
        ;;
    *)
        judge "$where: a block" "$3 is no kind of block: $(head -n 1 "$file")"
        ;;
    esac
}

# run_page FILE
run_page() {
    local page number kind ran=0 blocks=0
    page=$(basename "$1" .md)
    new_folder "$work/pages/$page"
    cd "$work/pages/$page" || return
    judge "$page: its blocks end" "$(cut_page "$1")"
    : > block.said
    for number in *.line; do
        [ -e "$number" ] || break
        number=${number%.line}
        for kind in "$number".[a-z]*; do
            [ "$kind" != "$number.line" ] || continue
            run_block "$page" "$number" "${kind#*.}"
            [ "$kind" = "$number.indented" ] || blocks=$((blocks + 1))
        done
    done
    judge "$page: every block is looked at" "$([ $blocks = $(($(grep -c '^```' "$1") / 2)) ] || echo "$blocks are")"
    judge "$page: what it shows and names is there" "$(
        grep -o '](\([^)#:]*\))' "$1" | sed 's/](\(.*\))/\1/' | while read -r name; do
            [ -e "$(dirname "$1")/$name" ] || echo "no $name"
        done)"
    judge "$page: the sources that it names are there" "$(
        sed 's/`//g' "$1" | grep -oE '\b[a-z]+/[a-z_/]+\.(c|h|sh)\b' | sort -u | while read -r name; do
            [ -e "$root/$name" ] || [ -e "$root/src/$name" ] || echo "no $name"
        done)"
    commands_run=$((commands_run + ran))
    cd "$work" || exit 1
}

commands_run=0
for page in "$root/README.md" "$root"/docs/*.md; do
    run_page "$page"
done
judge "there were commands" "$([ $commands_run -gt 40 ] || echo "$commands_run")"
for recipe in "$root"/recipes/*.ini; do
    name=$(basename "$recipe" .ini)
    judge "a page trains $name" "$(cat "$root"/docs/*.md | grep -q "train recipes/$name.ini" || echo "none does")"
    judge "the README has $name" "$(grep -q "^| \`$name\`" "$root/README.md" || echo "it has not")"
done
for picture in "$root"/docs/*.png; do
    judge "a page shows $(basename "$picture")" \
        "$(cat "$root"/README.md "$root"/docs/*.md | grep -q "$(basename "$picture"))" || echo "none does")"
done

for topic in layers decoders losses penalties optimizers figures; do
    names=$("$CINCH" help $topic | sed -n '/^[A-Z][a-z]*$/,$s/^\([a-z][a-z0-9_]*\).*/\1/p')
    judge "the README names all $topic" "$([ -n "$names" ] || echo "help names none"
        for name in $names; do
            grep '^|' "$root/README.md" | grep -q "\`$name\`" || echo "not $name"
        done)"
done

# The test itself: what it must not let through.
mkdir odd
cat > odd/page.md << 'END'
```sh
build/cinch info flowers.csv --label species
build/cinch info nothing.csv
make nothing
```

```output
sum: 1
type: float64 and more
```

    build/cinch info flowers.csv --label species

```basic
10 PRINT
```

![nothing](nothing.png)
END
(run_page "$work/odd/page.md") > odd/said
judge "a page with six faults has as many" "$([ "$(grep -c '^not ok' odd/said)" = 6 ] || tr '\n' '/' < odd/said)"
finish
