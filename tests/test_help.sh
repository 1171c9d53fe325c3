#!/bin/bash
# Help: examples come first, no line is wider than a terminal, every name of a topic is explained in it.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/common.sh"

commands=$("$CINCH" help | sed -n '/^Commands/,/^What/s/^  \([a-z][a-z]*\) .*/\1/p')
topics="recipe layers activations decoders losses penalties optimizers initializers figures"

for command in $commands; do
    "$CINCH" help "$command" > text
    judge "help $command has examples before its flags" \
        "$(sed '/^Flags:/,$d' text | grep -q "^  .*cinch $command" || echo "it has none")"
    judge "help $command has an example a line" "$(sed '/^Flags:/,$d' text | grep '^  ' | grep -v cinch)"
    judge "$command --help says the same" "$("$CINCH" "$command" --help | cmp - text 2>&1)"
done
for word in "" $commands $topics; do
    # shellcheck disable=SC2086
    judge "help $word fits 80 columns" "$("$CINCH" help $word | awk 'length > 80' | head -n 1)"
done
# One part by its name is what its topic says of it.
for topic in layers decoders losses penalties optimizers initializers figures; do
    for part in $("$CINCH" help "$topic" | sed -n '/^[A-Z][a-z]*$/,$s/^\([a-z][a-z0-9_]*\).*/\1/p'); do
        [ "$part" = loss ] && continue # the word for all losses
        judge "help $part is in help $topic" "$("$CINCH" help "$part" 2>&1 | sed 1,2d |
            awk 'NR == FNR { known[$0]; next } !($0 in known) || !NF { exit } { n++ } END { exit n < 2 }' \
                <("$CINCH" help "$topic") - || echo "it is not")"
    done
done
judge "help patience is of the key" "$("$CINCH" help patience 2>&1 | grep -q '^  patience  *epochs' || echo "it is not")"
judge "help dens names the nearest" "$("$CINCH" help dens 2>&1 | grep -q '"dense"' || echo "it does not")"
for topic in $topics; do
    judge "the overview names $topic" "$("$CINCH" help | grep -qw "$topic" || echo "it does not")"
done

# The first lines of an example of `help recipe` are a recipe that is read.
make_table 40 > flowers.csv
"$CINCH" help recipe | sed -n '/^  \[data\]/,/^$/s/^  //p' | sed '/^label/d' > flowers.ini
train run flowers.ini --epochs 2
judge "the recipe in help trains" "$([ -s run/model.safetensors ] || cat run.said)"
layers=$("$CINCH" help layers | sed -n "s/^  cinch train.*--encoder \"\(.*\)\"$/\1/p")
train other --train flowers.csv --encoder "$layers" --epochs 1
judge "the layers in help train" "$([ -s other/model.safetensors ] || cat other.said)"
for key in scale keep shuffle; do
    judge "$key has words to complete" \
        "$("$CINCH" help --completion bash | grep -q "^ *--$key) list=([a-z]" || echo "it has none")"
done
finish
