#!/bin/bash
# The command: its flags, exit codes, what goes to standard output and what to standard error, pipes, signals.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/common.sh"

# expect NAME STATUS WORDS COMMAND...: the exit status, and words that standard error holds ("" is silence there).
expect() {
    local name=$1 status=$2 words=$3 why=
    shift 3
    "$@" > out 2> err < /dev/null
    local came=$?
    [ $came = "$status" ] || why="exit $came, not $status: $(head -n 1 err)"
    if [ -z "$words" ]; then
        [ ! -s err ] || why="$why said: $(head -n 1 err)"
    elif ! grep -qF -- "$words" err; then
        why="$why \"$words\" is not in: $(head -n 1 err)"
    fi
    [ "$status" = 0 ] || [ "$(grep -c '^cinch: ' err)" = 1 ] || why="$why; not one line of error"
    judge "$name" "$why"
}

# said NAME WORDS: what the last command wrote on standard output.
said() {
    if grep -qF -- "$2" out; then judge "$1" ""; else judge "$1" "\"$2\" is not in: $(head -n 3 out)"; fi
}

make_table 200 > table.csv
expect "a training without a word" 0 "" "$CINCH" train --train table.csv --encoder "dense 3 tanh" --epochs=3 \
    --seed 5 --quiet -o model

# ---- Usage ---------------------------------------------------------------------------------------------------

expect "no command" 2 "cinch help" "$CINCH"
expect "an unknown command" 2 'the nearest is "train"' "$CINCH" trian
expect "an unknown flag" 2 "the nearest is --json" "$CINCH" info table.csv --jsn
expect "a flag nearest to none" 2 "unknown flag --zzzzzz" "$CINCH" info table.csv --zzzzzz
expect "an unknown letter" 2 "unknown flag -x" "$CINCH" info -x table.csv
expect "a value where none goes" 2 "--json takes no value" "$CINCH" info table.csv --json=1
expect "a value that is missing" 2 "--threads needs a value" "$CINCH" encode model table.csv --threads
expect "threads that are no number" 2 "--threads" "$CINCH" encode model table.csv --threads two
expect "too few words" 2 "usage: cinch encode MODEL DATA" "$CINCH" encode model
expect "too many words" 2 "usage: cinch info FILE" "$CINCH" info a b
expect "train with nothing" 2 "nothing to train" "$CINCH" train
expect "a key mistyped" 2 'the nearest is "epochs"' "$CINCH" train --train table.csv --epoch 3
expect "a train flag mistyped" 2 "the nearest is --quiet" "$CINCH" train --train table.csv --quite
expect "a key without value" 2 "--epochs needs a value" "$CINCH" train --train table.csv --epochs
expect "a value out of range" 2 "epochs" "$CINCH" train --train table.csv --encoder "dense 3" --epochs none
expect "resume with another recipe" 2 "does not go with --resume" "$CINCH" train --resume model --batch 7
expect "resume into another folder" 2 "--resume" "$CINCH" train --resume model -o other
expect "help on nothing known" 2 'the nearest is "train"' "$CINCH" help trian

# ---- Models that do not go together -----------------------------------------------------------------------------

refused() {
    local name=$1 words=$2
    shift 2
    expect "$name" 2 "$words" "$CINCH" train --train table.csv "$@" -o other
}
refused "tied to an encoder without a dense layer" "no dense layer" --encoder "dropout 0.1" --decoder tied
refused "more activations than tied layers" "3 activations for 2 dense layers" --encoder "dense 5 | dense 3" \
    --decoder "tied relu tanh linear"
refused "an activation that tied does not know" 'unknown ACT "reluu"' --encoder "dense 5" --decoder "tied reluu"
refused "tied in an encoder" 'unknown layer "tied"' --encoder "dense 5 | tied 12" --decoder "dense 12"
refused "tied within a pipeline" 'unknown layer "tied"' --encoder "dense 5" --decoder "dense 5 | tied 12"
refused "kl_sparsity of a relu code" "the encoder's last layer is dense 5 relu" --encoder "dense 5 relu" \
    --penalty "kl_sparsity 0.1 1"
refused "kl_sparsity of a code behind dropout" "the encoder's last layer is dropout 0.5" \
    --encoder "dense 5 sigmoid | dropout 0.5" --penalty "kl_sparsity 0.1 1"
refused "kl_sparsity of a share beyond 1" "RHO" --encoder "dense 5 sigmoid" --penalty "kl_sparsity 1 1"
refused "contractive through dropout" "the encoder's layer 1 is dropout 0.1" \
    --encoder "dense 5 tanh | dropout 0.1 | dense 3 tanh" --penalty "contractive 0.1"

# ---- Images that do not fit ------------------------------------------------------------------------------------

# On rows of 4x3x1. `starved`: what there is memory for is less than what it wants.
image() {
    expect "$1" "$2" "$3" "$CINCH" train --train table.csv --input 4x3x1 -o other --encoder "$4" \
        --decoder "${5:-dense 12}"
}
starved() {
    (ulimit -v 1024000 && "$CINCH" train --train table.csv --input 4x3x1 -o other --encoder "$2" \
        --decoder "dense 12" > out 2> err < /dev/null)
    local came=$?
    judge "$1" "$([ $came = 5 ] || echo "exit $came")$(one_line err)"
}
image "a window larger than the image" 2 "a window of 5x1 does not fit into 4x3" "conv 3 5x1 pad=valid"
image "a window larger than what a stride leaves" 2 "layer 1 (conv 3 2x2 pad=valid)" "conv 2 2x2 stride=4 | conv 3 2x2 pad=valid"
image "an upsampling of an upsampling" 2 "layer 1 (upsample 4096): its output is too large" \
    "upsample 4096 | upsample 4096 | upsample 4096 | upsample 4096 | upsample 4096"
image "more channels than fit" 2 "layer 1 (upsample 4096): its output is too large" "conv 65536 1x1 | upsample 4096"
image "a deconvolution that is too large" 2 "its output is too large" "deconv 65536 255x255 stride=255"
image "a shape whose product wraps to 12" 2 "is not the 12 values" "reshape 4611686018427387907x4x1"
image "a shape whose product wraps to nothing" 2 "is not the 12 values" "reshape 4294967296x4294967296x1"
image "a shape beyond 64 bits" 2 "is not a shape" "reshape 99999999999999999999x1x1"
image "a shape of too many numbers" 2 "is not a shape" "reshape 1x1x1x1x1x1x1x1x12"
image "an image without rows" 2 "is not a shape" "reshape 0x12x1"
image "no image" 2 "it takes images" "dense 12 | conv 2 3x3"
expect "an input that wraps" 3 "is too large" "$CINCH" train --train table.csv --input 4294967296x4294967296x12 \
    -o other --encoder "conv 2 3x3"
expect "an image of another size" 3 "the data's rows have 12" "$CINCH" train --train table.csv \
    --input 60000x60000x1 -o other --encoder "conv 65536 255x255"
[ ! -e other ]
judge "a refused image leaves nothing" "$([ $? = 0 ] || echo "a folder is there")"
if (ulimit -v 1024000 && "$CINCH" help > out 2>&1); then
    starved "weights for which there is no memory" "conv 65536 255x255"
    starved "images for which there is no memory" "upsample 4096"
    starved "windows for which there is no memory" "conv 4096 1x1 | conv 4096 255x255"
fi
image "a pool whose mirror is another size" 2 "2 does not divide 4x3: it has no mirror: write the decoder as a pipeline" \
    "maxpool 2" mirror
image "a stride whose mirror is another size" 2 "no mirror: write the decoder as a pipeline" "conv 2 3x3 stride=2" mirror
rm -rf other
for encoder in "conv 2 3x3 stride=200" "maxpool 4096" "conv 1 255x255" "deconv 1 255x1 stride=9 | avgpool 4096" \
    "avgpool 2 | upsample 9 | maxpool 4 | conv 2 7x1 stride=255"; do
    expect "windows and strides beyond the image: $encoder" 0 "" "$CINCH" train --train table.csv --input 4x3x1 \
        --epochs 1 --quiet -o beyond --encoder "$encoder" --decoder "dense 12"
done
refused "kl without a variational layer" "kl needs a variational layer" --encoder "dense 5" --penalty "kl 1"
refused "bce of a linear output" 'is dense linear (make it sigmoid, as in --decoder "mirror sigmoid")' \
    --encoder "dense 5" --loss bce
refused "a drawn code in a decoder" "it has no place in a decoder" --encoder "dense 5" \
    --decoder "variational 3 | dense 12"
refused "tied behind a drawn code" "layer 1 (variational 3) is not dense" \
    --encoder "dense 5 | variational 3" --decoder tied
expect "a drawn code gets kl" 0 "penalty: kl 1" "$CINCH" train --train table.csv --encoder "variational 3" \
    --epochs 2 -o drawn
expect "encode gives its mean" 0 "" "$CINCH" encode drawn table.csv
cp out means.csv
expect "encode gives it again" 0 "" "$CINCH" encode drawn table.csv
judge "a mean is not drawn" "$(cmp out means.csv 2>&1)"
expect "info on a drawn code" 0 "" "$CINCH" info drawn
said "its two heads" "78"

# ---- Names of columns ------------------------------------------------------------------------------------------

{
    echo 'plain,"with, comma","with ""quote"""'
    sed 1d table.csv | cut -d, -f1-3
} > named.csv
expect "info on a header" 0 "" "$CINCH" info named.csv
said "names as a header has them" 'columns: plain, "with, comma", "with ""quote"""'
expect "two chosen columns" 0 "" "$CINCH" train --train named.csv --columns '"with, comma"' --encoder "concrete 1" \
    --epochs 2 -o chosen --quiet
expect "info on chosen columns" 0 "" "$CINCH" info chosen
said "the name of the chosen one" 'chosen columns: "with, comma"'

# ---- Exit codes of what is read ------------------------------------------------------------------------------

expect "data that are not there" 4 "nowhere.csv" "$CINCH" info nowhere.csv
expect "a model that is not there" 4 "nowhere" "$CINCH" encode nowhere.safetensors table.csv
expect "a recipe that is not there" 4 "nowhere.ini" "$CINCH" train nowhere.ini
expect "a model that is none" 3 "table.csv" "$CINCH" encode table.csv table.csv
cut -d, -f1-5 table.csv > narrow.csv
expect "rows of another width" 3 "narrow.csv" "$CINCH" encode model narrow.csv
expect "a full disk" 4 "No space left" "$CINCH" encode model table.csv -o /dev/full
[ ! -e other ] && [ ! -e run ]
judge "a refused training leaves nothing" "$([ $? = 0 ] || echo "a folder is there")"

# ---- Answers -------------------------------------------------------------------------------------------------

expect "help" 0 "" "$CINCH" help
for command in decode encode generate help info reconstruct score train; do
    said "help lists $command" "  $command "
done
for topic in recipe layers activations decoders losses penalties optimizers initializers figures; do
    expect "help $topic" 0 "" "$CINCH" help $topic
done
expect "help of a command" 0 "" "$CINCH" score --help
said "a command's flags" "--noise"
expect "version" 0 "" "$CINCH" --version

expect "info on data" 0 "" "$CINCH" info table.csv
said "its shape" "shape: 200x12"
expect "info on data as JSON" 0 "" "$CINCH" info table.csv --json
said "its shape in JSON" '"shape": [200, 12]'
expect "info on a run folder" 0 "" "$CINCH" info model
said "its layers" "dense 3 tanh"
said "its parameters" "parameters: 87 "
said "its code" "code: 3 of 12 "
expect "info on a model as JSON" 0 "" "$CINCH" info model/model.safetensors --json
said "its parameters in JSON" '"params": 87'

# ---- Rows ----------------------------------------------------------------------------------------------------

expect "encode to standard output" 0 "" "$CINCH" encode model table.csv
cp out codes.csv
judge "a code of 3 for each row" "$(awk -F, 'NF != 3 { bad++ } END { if (NR != 200 || bad) print NR, bad }' codes.csv)"
expect "encode to a file" 0 "" "$CINCH" encode model table.csv -o codes.npy
expect "a file holds the same" 0 "" "$CINCH" info codes.npy --json
said "the codes' shape" '"shape": [200, 3]'
expect "decode from npy" 0 "" "$CINCH" decode model codes.npy
cp out decoded.csv
expect "decode from csv" 0 "" "$CINCH" decode model codes.csv
judge "csv and npy decode alike" "$(cmp out decoded.csv 2>&1)"
expect "reconstruct" 0 "" "$CINCH" reconstruct model table.csv
judge "reconstruct is encode, then decode" "$(cmp out decoded.csv 2>&1)"
expect "score" 0 "mean" "$CINCH" score model table.csv
judge "score's mean is that of its lines" "$(awk -v said="$(awk '{ print $2 }' err)" \
    '{ sum += $1 } END { mean = sum / NR; if (NR != 200 || (mean - said) ^ 2 > 1e-12 * mean ^ 2) print mean, said }' out)"
expect "score without a word" 0 "" "$CINCH" score model table.csv --quiet

expect "a model with noise" 0 "" "$CINCH" train --train table.csv --encoder "noise mask 0.5 | dense 3 tanh" --epochs 2 \
    --quiet -o masked
expect "reconstruct without its noise" 0 "" "$CINCH" reconstruct masked table.csv
cp out clean.csv
expect "reconstruct with its noise" 0 "" "$CINCH" reconstruct masked table.csv --noise
cp out masked.csv
judge "noise shows" "$(cmp -s masked.csv clean.csv && echo "no difference")"
judge "noise is the same on 3 threads" "$("$CINCH" reconstruct masked table.csv --noise --threads 3 | cmp - masked.csv 2>&1)"

# ---- Rows that nobody gave --------------------------------------------------------------------------------------

"$CINCH" train --train table.csv --encoder "dense 9 tanh | variational 2" --epochs 3 --quiet -o plane 2> err
expect "generate" 0 "" "$CINCH" generate plane -n 100 --seed 7
cp out new.csv
judge "as many rows as asked for" "$(awk -F, 'NF != 12 { bad++ } END { if (NR != 100 || bad) print NR, bad }' new.csv)"
judge "the first of them are the same" "$("$CINCH" generate plane --seed 7 | cmp - <(head -n 10 new.csv) 2>&1)"
judge "another seed, other rows" "$("$CINCH" generate plane --seed 8 -n 100 | cmp -s - new.csv && echo "no difference")"
judge "seed 1 where none is given" "$("$CINCH" generate plane | cmp - <("$CINCH" generate plane --seed 1 --rows 10) 2>&1)"
expect "generate to a file" 0 "" "$CINCH" generate plane -n 3 -o new.npy
expect "its shape" 0 "" "$CINCH" info new.npy --json
said "its shape in JSON" '"shape": [3, 12]'
expect "generate as JSON" 0 "" "$CINCH" generate plane -n 2 --json
said "its rows in JSON" '{"shape": [2, 12], "rows": [['
expect "a grid" 0 "" "$CINCH" generate plane --grid 5
cp out grid.csv
printf '0,0\n' > middle.csv
judge "a grid's middle is the code 0" "$([ "$(wc -l < grid.csv)" = 25 ] &&
    "$CINCH" decode plane middle.csv | cmp - <(sed -n 13p grid.csv) 2>&1)"
for net in plane model; do
    "$CINCH" reconstruct $net table.csv > means.csv
    expect "a line, $net" 0 "" "$CINCH" generate $net table.csv --from 3 --to 150 -n 6
    judge "its ends are the two rows, $net" \
        "$(sed -n '1p;$p' out | cmp - <(sed -n '4p;151p' means.csv) 2>&1; [ "$(wc -l < out)" = 6 ] || wc -l out)"
done

expect "to draw of a code that is not drawn" 2 "does not end in a variational layer" "$CINCH" generate model
expect "a grid of a code that is not drawn" 2 "does not end in a variational layer" "$CINCH" generate model --grid 3
expect "a grid of three values" 2 "takes codes of 2 values, this model's have 3" "$CINCH" generate drawn --grid 3
expect "a line without its end" 2 "--from ROW --to ROW" "$CINCH" generate plane table.csv --from 3
expect "a line without rows" 2 "--from ROW --to ROW" "$CINCH" generate plane --from 3 --to 4
expect "rows without a line" 2 "--from ROW --to ROW" "$CINCH" generate plane table.csv
expect "a line to a row that is not there" 2 "--to: there is no row 200: table.csv has 200" "$CINCH" generate plane \
    table.csv --from 3 --to 200
expect "a line of one row" 2 "--rows" "$CINCH" generate plane table.csv --from 3 --to 4 -n 1
expect "a seed on a line" 2 "--seed does not go with --from" "$CINCH" generate plane table.csv --from 3 --to 4 --seed 5
expect "a seed on a grid" 2 "--seed does not go with --grid" "$CINCH" generate plane --grid 4 --seed 5
expect "a number of rows on a grid" 2 "--rows does not go with --grid" "$CINCH" generate plane --grid 4 -n 5
expect "a grid on a line" 2 "--grid does not go with DATA" "$CINCH" generate plane table.csv --grid 4
expect "no rows" 2 "--rows" "$CINCH" generate plane -n 0
expect "rows that are no number" 2 "--rows" "$CINCH" generate plane -n ten
expect "a seed below 0" 2 "--seed" "$CINCH" generate plane --seed=-1
expect "a row that is no number" 2 "--from" "$CINCH" generate plane table.csv --from first --to 2
expect "a line through rows of another width" 3 "narrow.csv" "$CINCH" generate plane narrow.csv --from 0 --to 2

judge "rows from standard input" "$("$CINCH" encode model - < table.csv 2>&1 | cmp - codes.csv 2>&1)"
judge "npy through a pipe" "$("$CINCH" encode model table.csv -o - | "$CINCH" decode model - | cmp - decoded.csv 2>&1)"
judge "threads give the same bits" "$("$CINCH" encode model table.csv --threads 3 | cmp - codes.csv 2>&1)"
mkdir folder && mv table.csv folder/
judge "the data folder by flag" "$("$CINCH" encode model table.csv --data-dir folder 2>&1 | cmp - codes.csv 2>&1)"
judge "the data folder by CINCH_DATA" "$(CINCH_DATA=folder "$CINCH" encode model table.csv 2>&1 | cmp - codes.csv 2>&1)"
mv folder/table.csv .

# ---- Pipes and signals ---------------------------------------------------------------------------------------

make_table 60000 > long.csv
"$CINCH" reconstruct model long.csv 2> err | head -n 1 > out
judge "a reader that leaves is no error" "$(cat err)"

for signal in INT:130 TERM:143; do
    "$CINCH" train --train long.csv --encoder "dense 8" --epochs 100000 -o stopped > out 2> err &
    pid=$!
    for _ in $(seq 100); do
        [ -e stopped/history.csv ] && grep -q epoch err && break
        sleep 0.1
    done
    kill -"${signal%:*}" $pid
    wait $pid
    came=$?
    why=
    [ $came = "${signal#*:}" ] || why="exit $came"
    [ -e stopped/checkpoint.safetensors ] || why="$why no checkpoint"
    grep -q -- "--resume stopped" err || why="$why no word of --resume: $(tail -n 1 err)"
    judge "SIG${signal%:*} leaves a checkpoint" "$why"
    rm -rf stopped
done

"$CINCH" train --train table.csv --encoder "dense 3" --epochs 25 --log_every 10 -o logged 2> err
judge "log_every 10 of 25 epochs" "$([ "$(grep -c '^epoch ' err)" = 4 ] || grep '^epoch ' err)"
"$CINCH" train --train table.csv --encoder "dense 6 tanh" --optimizer "adam lr=0.2" --validation 0.2 --patience 2 \
    --epochs 200 --log_every 150 -o patient 2> err
judge "the epoch that patience ends at has its line" \
    "$([ "$(grep '^epoch ' err | tail -n 1 | awk '{ print $2 }')" = $(($(wc -l < patient/history.csv) - 2)) ] || cat err)"
if script -qec true /dev/null > out 2>&1; then
    TERM=xterm script -qec "'$CINCH' train --train table.csv --encoder 'dense 3' --epochs 25 --log_every 10 -o barred" \
        /dev/null > said < /dev/null
    judge "log_every with the bar" "$([ "$(tr '\r' '\n' < said | grep -c 'epoch [0-9]*  loss [^/]* s$')" = 4 ] || cat -v said)"
fi
judge "no escapes but on a terminal" "$(grep -c "$(printf '\033')" err | grep -v '^0$')"

# ---- Names that a terminal must not be sent --------------------------------------------------------------------

# A C1 control, a mark that turns the line around, and U+FFFE, which is no character and cairo refuses.
odd=$(printf 'a\302\233\342\200\256\357\277\276')
{ echo "${odd}1,${odd}2" && seq 40 | awk '{ print sin($1) "," cos($1) }'; } > odd.csv
expect "a training on odd names" 0 "" "$CINCH" train --train odd.csv --encoder "concrete 2" --decoder "dense 2" --epochs 2 \
    --figures mask -o odd --quiet
for form in "" --json; do
    "$CINCH" info odd $form > out 2>&1
    judge "odd names by info $form" "$(grep -c 'a\\\(xc2\\x9b\\xe2\\x80\\xae\|u009b\\u202e\)' out | grep -v '^[1-9]')$(
        grep -c "$(printf '\302\233\|\342\200\256')" out | grep -v '^0$')"
done

# ---- The word donut --------------------------------------------------------------------------------------------

expect "the donut" 0 "donut: donut (generated)" "$CINCH" info donut
said "its shape" "shape: 9000x5"
expect "a training on it" 0 "train = donut: donut (generated)" "$CINCH" train --train donut --label 4 --encoder "dense 2 tanh" \
    --batch 500 --epochs 2 -o ring
expect "its scores" 0 "donut: donut (generated)" "$CINCH" score ring donut
mkdir -p donut && head -n 41 table.csv > few.csv && "$CINCH" reconstruct model few.csv -o donut/donut_corr2.npy
expect "a donut that is found" 0 "donut: donut/donut_corr2.npy" "$CINCH" info donut
said "its own shape" "shape: 40x12"
expect "a training on that" 0 "train = donut: donut/donut_corr2.npy" "$CINCH" train --train donut --encoder "dense 2" \
    --epochs 1 -o found
judge "its recipe names the file" "$(grep -qx "train = $(pwd -P)/donut/donut_corr2.npy" found/recipe.ini || head -n 2 found/recipe.ini)"

finish
