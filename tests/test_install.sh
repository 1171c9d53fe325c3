#!/bin/bash
# make install, below a folder of the test's: what a packager gets, a program that is built against it, the manual
# page, the completions; and that make uninstall leaves nothing.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/common.sh"
unset MAKEFLAGS MFLAGS MAKELEVEL PREFIX DESTDIR PKG_CONFIG_PATH
[ "$(basename "${BUILD:-$root/build/release}")" = release ] || exit 77

top=$work/top
place=$top/usr/local
make -s -C "$root" install DESTDIR="$top" > said 2>&1
judge "make install" "$([ $? = 0 ] || tail -n 3 said)"
for file in bin/cinch include/cinch.h lib/libcinch.a lib/libcinch.so lib/libcinch.so.0 lib/pkgconfig/cinch.pc \
    share/man/man1/cinch.1 share/bash-completion/completions/cinch share/zsh/site-functions/_cinch; do
    judge "installs $file" "$([ -s "$place/$file" ] || echo "it is not there")"
done
for late in "$root"/build/late/*.so; do
    [ ! -e "$late" ] || judge "installs $(basename "$late")" \
        "$([ -s "$place/lib/cinch/$(basename "$late")" ] || echo "it is not there")"
done

# ---- The library ---------------------------------------------------------------------------------------------

nm -D --defined-only "$place/lib/libcinch.so.0" | awk '{ print $3 }' | sort > exported
sed -n 's/^[a-z].*[ *]\(cinch_[a-z_]*\)(.*/\1/p' "$root/include/cinch.h" | grep -v '^cinch_callback$' | sort -u > declared
judge "the library exports what the header declares, and nothing else" "$(
    [ "$(wc -l < declared)" -gt 40 ] || echo "too few are declared"
    diff declared exported | head -n 3)"

export PKG_CONFIG_SYSROOT_DIR=$top PKG_CONFIG_LIBDIR=$place/lib/pkgconfig:$(pkg-config --variable pc_path pkg-config)
version=$(sed -n 's/^#define CINCH_VERSION "\(.*\)"/\1/p' "$root/include/cinch.h")
judge "pkg-config knows the version" "$([ "$(pkg-config --modversion cinch)" = "$version" ] || echo "it does not")"
# shellcheck disable=SC2046
${CC:-cc} "$root/examples/stream.c" $(pkg-config --cflags --libs cinch) -lm -o shared > said 2>&1
judge "a program links the shared library" "$([ $? = 0 ] || head -n 2 said)"
LD_LIBRARY_PATH=$place/lib ./shared > rows 2>&1
judge "and runs" "$([ "$(grep -c , rows)" = 8 ] || head -n 2 rows)"
judge "on the installed one" "$(LD_LIBRARY_PATH=$place/lib ldd shared | grep -q "$place/lib/libcinch.so.0" || echo no)"
# shellcheck disable=SC2046
${CC:-cc} "$root/examples/stream.c" -I"$place/include" "$place/lib/libcinch.a" \
    $(pkg-config --libs $(pkg-config --print-requires-private cinch)) -lm -pthread -ldl -o static > said 2>&1
judge "a program links the archive" "$([ $? = 0 ] || head -n 2 said)"
judge "and gets the same codes" "$(./static 2>&1 | cmp - rows 2>&1)"

# ---- The command ---------------------------------------------------------------------------------------------

make_table 50 > table.csv
"$place/bin/cinch" train --train table.csv --encoder "dense 2" --epochs 2 --quiet -o run > said 2>&1
judge "the installed command trains" "$([ -s run/model.safetensors ] || head -n 1 said)"

# ---- The manual page -----------------------------------------------------------------------------------------

page=$place/share/man/man1/cinch.1
if command -v groff > /dev/null; then
    groff -ww -man -Tascii -P-cbou "$page" > text 2> said
    judge "groff has nothing to say" "$(head -n 2 said)"
    judge "no line is too wide" "$(awk 'length > 80' text | head -n 1)"
else
    cp "$page" text
fi
for word in NAME SYNOPSIS COMMANDS RECIPE LAYERS OPTIMIZERS "EXIT STATUS" "cinch train" reconstruct dense adadelta; do
    judge "the page has $word" "$(grep -q -- "$word" text || echo "it has not")"
done

# ---- The completions -----------------------------------------------------------------------------------------

script=$place/share/bash-completion/completions/cinch

# complete_bash NAME EXPECTED WORD...: the answers for the last word, sorted, in one line.
complete_bash() {
    local name=$1 expected=$2 answers
    shift 2
    answers=$(bash -u -c '
        source "$1" || exit
        shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        last=${COMP_WORDS[COMP_CWORD]#[\"\x27]}
        _cinch cinch "$last" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf "%s\n" "${COMPREPLY[@]}" | sort | tr "\n" "/"' - "$script" "$@" 2>&1)
    judge "bash completes $name" "$([ "$answers" = "$expected" ] || echo "with $answers")"
}

complete_bash "a command" train/ cinch tr
complete_bash "commands" "$("$CINCH" help | sed -n '/^Commands/,/^What/s/^  \([a-z][a-z]*\) .*/\1/p' | sort | tr '\n' /)" cinch ""
complete_bash "a flag" --resume/ cinch train --res
complete_bash "a key" --epochs/ cinch train --ep
complete_bash "a key of two words" "--init/--init-from/" cinch train --init
complete_bash "a letter's long form" --noise/ cinch score run rows.csv --no
complete_bash "no key where none goes" / cinch encode --ep
complete_bash "a word" minmax/ cinch train --scale m
complete_bash "a word behind =" standard/ cinch train --scale = st
complete_bash "an optimizer" "adadelta/adam/" cinch train --optimizer ad
complete_bash "a layer" dropout/ cinch train --encoder dro
complete_bash "a layer in quotes" "dense /dense .../" cinch train --encoder '"den'
complete_bash "a layer of a pipeline" "dense 8 relu | dropout /dense 8 relu | dropout .../" \
    cinch train --encoder '"dense 8 relu | dro'
complete_bash "an activation" "dense 8 softplus /dense 8 softplus .../" cinch train --encoder '"dense 8 softp'
complete_bash "a decoder" mirror/ cinch train --decoder mi
complete_bash "a topic" "layers/" cinch help lay
complete_bash "a file by leaving it to bash" / cinch encode run
if command -v zsh > /dev/null; then
    judge "zsh can read its own" "$(zsh -n "$place/share/zsh/site-functions/_cinch" 2>&1 | head -n 2)"
fi
judge "zsh has the layers" "$(grep -q "^ *'dense'" "$place/share/zsh/site-functions/_cinch" || echo "it has not")"
judge "a shell that is not known" "$("$CINCH" help --completion fish 2>&1 | grep -q 'bash and zsh' || echo "is")"

# ---- And away ------------------------------------------------------------------------------------------------

echo "another's" > "$place/lib/libother.a"
make -s -C "$root" uninstall DESTDIR="$top" > said 2>&1
judge "make uninstall" "$([ $? = 0 ] || tail -n 3 said)"
judge "leaves nothing but what was another's" \
    "$([ "$(cd "$place" && find . ! -type d)" = ./lib/libother.a ] || (cd "$place" && find . ! -type d | head -n 3))"
judge "nor a folder of its own" "$(find "$top" -name 'cinch*' | head -n 3)"
judge "make uninstall where nothing is" "$(make -s -C "$root" uninstall DESTDIR="$top" 2>&1)"
finish
