#!/usr/bin/env bash
# A training that is stopped goes on to the same bits; a run's folder is locked, repeated, prolonged, and
# left alone by what is refused.
. "$(dirname "$0")/common.sh"
make_table 1500 > table.csv
net=(--encoder 'noise gaussian 0.1 | dropout 0.1 | dense 48 relu | dense 4 tanh' --decoder 'dense 48 relu | dense 12' --seed 3)
recipe=(--train table.csv "${net[@]}" --validation 0.1 --batch 32)

# The whole run, of epochs enough to take a second on this machine.
start=$(now)
train first "${recipe[@]}" --epochs 20
status=$?
took=$(($(now) - start))
judge "a training" "$([ $status = 0 ] || echo "exit $status: $(tail -n 1 first.said)")"
[ $status = 0 ] || finish
epochs=$((20 * 1000 / (took > 10 ? took : 10)))
epochs=$((epochs < 20 ? 20 : epochs > 4000 ? 4000 : epochs))
start=$(now)
train whole "${recipe[@]}" --epochs $epochs
took=$(($(now) - start))

# stop_at FOLDER SIGNAL STATUS PERCENT FLAG...: a training stopped after that share of the whole run's time;
# why it did not end with that status and a checkpoint. One that was through already is tried again at half
# the share.
stop_at() {
    local folder=$1 signal=$2 expected=$3 percent=$4 status
    shift 4
    rm -rf before && { [ "$1" != --resume ] || cp -r "$folder" before; }
    interrupt "$signal" $((took * percent / 100)) "$CINCH" train "$@" --quiet > stopped.said 2>&1
    status=$?
    if [ $status = 0 ] && [ "$percent" -gt 2 ]; then
        [ ! -d before ] || { rm -r "$folder" && mv before "$folder"; }
        stop_at "$folder" "$signal" "$expected" $((percent / 2)) "$@"
        return
    fi
    [ $status = "$expected" ] || echo "exit $status, not $expected: $(tail -n 1 stopped.said)"
    [ -e "$folder/checkpoint.safetensors" ] || echo "no checkpoint"
    [ -z "$(ls -A "$folder" | grep tmp-)" ] || echo "left $(ls -A "$folder" | grep tmp-)"
}

# go_on FOLDER [WHOLE]: why a resumed run does not end as the whole one.
go_on() {
    "$CINCH" train --resume "$1" --quiet > resumed.said 2>&1 || echo "exit $?: $(tail -n 1 resumed.said)"
    different "${2:-whole}" "$1"
}

for case in "INT 130 10" "INT 130 60" "TERM 143 30" "TERM 143 85"; do
    set -- $case
    folder=$1-$3
    judge "SIG$1 at $3 % gives $2" "$(stop_at "$folder" $case "${recipe[@]}" --epochs $epochs -o "$folder")"
    judge "SIG$1 at $3 % and --resume" "$(go_on "$folder")"
done

judge "SIGINT once" "$(stop_at twice INT 130 20 "${recipe[@]}" --epochs $epochs -o twice)"
judge "SIGTERM while resumed" "$(stop_at twice TERM 143 30 --resume twice)"
judge "stopped twice and --resume" "$(go_on twice)"

why=$(CINCH_THREADS=1 stop_at other INT 130 30 "${recipe[@]}" --epochs $epochs -o other)
judge "--resume on other threads" "$why$(CINCH_THREADS=3 go_on other)"

# Within an epoch: three long ones (a signal is looked for ten times a second), of batches of one row.
make_table 40000 > long.csv
slow=(--train long.csv "${net[@]}" --batch 1 --epochs 3 --optimizer 'sgd lr=0.01 momentum=0.9'
    --validation 0.05)
start=$(now)
train whole-3 "${slow[@]}"
long=$(($(now) - start))
why="no signal came within an epoch"
for percent in 50 20 80 40 65 10 30 5 90 15; do
    interrupt INT $((long * percent / 100)) "$CINCH" train "${slow[@]}" --quiet -o within > said 2>&1
    if [ $? = 130 ] && ! head -c 100000 within/checkpoint.safetensors | grep -aq '"row": *"0"'; then
        why=
        break
    fi
done
judge "SIGINT within an epoch" "$why"
judge "SIGINT within an epoch and --resume" "$(go_on within whole-3)"

# Weights that two layers share, and penalties that keep something of their own; a code that is drawn.
for kind in kl_sparsity contractive kl; do
    weight=0.01
    [ $kind != kl_sparsity ] || weight="0.2 0.01"
    own=(--train table.csv --epochs $epochs --batch 64 --optimizer 'adam lr=0.003' --validation 0.2
        --encoder 'dense 24 tanh | dense 4 sigmoid' --decoder 'tied relu linear' --penalty "$kind $weight")
    [ $kind != kl ] || own+=(--encoder 'dense 24 tanh | variational 4' --decoder mirror --penalty 'kl 0.1')
    start=$(now)
    train whole-$kind "${own[@]}"
    kept=$took
    took=$(($(now) - start))
    judge "SIGINT with $kind" "$(stop_at $kind INT 130 40 "${own[@]}" -o $kind)"
    judge "SIGINT with $kind and --resume" "$(go_on $kind whole-$kind)"
    took=$kept
done

# Images: batches of which a pause leaves the sums whole; with dense layers between, and codes' means.
for kind in none kl_sparsity; do
    own=(--train "$data/images.npy" --input 4x5x1 --batch 19 --validation 0.2 --shuffle true --seed 4
        --encoder 'conv 5 3x3 relu | maxpool 2 | dense 9 sigmoid'
        --decoder 'reshape 3x3x1 | upsample 2 | conv 2 3x3 tanh | dense 20')
    [ $kind = none ] || own+=(--penalty "$kind 0.1 0.01")
    own+=(--epochs $((epochs < 400 ? epochs : 400)))
    start=$(now)
    train whole-conv-$kind "${own[@]}"
    kept=$took
    took=$(($(now) - start))
    why=$(CINCH_THREADS=3 stop_at conv-$kind INT 130 40 "${own[@]}" -o conv-$kind)
    judge "SIGINT with conv, penalty $kind" "$why"
    judge "SIGINT with conv, penalty $kind, and --resume" "$(CINCH_THREADS=2 go_on conv-$kind whole-conv-$kind)"
    took=$kept
done

# The data is found from another folder, too.
judge "SIGINT before another folder" "$(stop_at moved INT 130 30 "${recipe[@]}" --epochs $epochs -o moved)"
mkdir -p elsewhere
judge "--resume from another folder" "$(cd elsewhere && "$CINCH" train --resume ../moved --quiet 2>&1
    cd .. && different whole moved)"

# A finished run says so and stays as it is.
contents whole > before
"$CINCH" train --resume whole > finished.said 2>&1
status=$?
contents whole > after
judge "--resume of a finished run exits 0" "$([ $status = 0 ] || echo "exit $status")"
judge "--resume of a finished run says so" "$(grep -Eqi 'finish|done|complete|already|ended' finished.said ||
    echo "it said: $(head -n 3 finished.said)")"
judge "--resume of a finished run changes nothing" "$(diff before after)"

# Beyond the planned end: of a finished run, of a stopped one, and where patience is counted.
cp -r first longer
train forty "${recipe[@]}" --epochs 40
"$CINCH" train --resume longer --epochs 40 --quiet > said 2>&1
judge "--resume --epochs 40 of a run of 20" "$([ $? = 0 ] || tail -n 1 said; different forty longer)"
"$CINCH" train --resume longer --epochs 40 --quiet > said 2>&1
judge "--resume --epochs 40 of a run of 40" "$([ $? = 0 ] || tail -n 1 said; different forty longer)"
stopped=$(stop_at prolonged INT 130 30 "${recipe[@]}" --epochs $epochs -o prolonged)
done_epochs=$(($(losses prolonged | wc -l) - 1))
train through "${recipe[@]}" --epochs $((done_epochs + 7))
"$CINCH" train --resume prolonged --epochs $((done_epochs + 7)) --quiet > said 2>&1
judge "--resume --epochs of a stopped run" "$stopped$([ $? = 0 ] || tail -n 1 said
    different through prolonged)"

# A recipe whose patience ends it, resumed with more epochs, has ended all the same.
patient=(--train table.csv --encoder 'dense 6 tanh' --optimizer 'adam lr=0.2' --validation 0.2 --patience 2)
train patient "${patient[@]}" --epochs 200
lines=$(losses patient | wc -l)
judge "patience ends a run" "$([ "$lines" -gt 3 ] && [ "$lines" -lt 201 ] || echo "$lines lines")"
"$CINCH" train --resume patient --quiet > said 2>&1
judge "--resume of a run that patience ended" "$([ $? = 0 ] || tail -n 1 said
    [ "$(losses patient | wc -l)" = "$lines" ] || echo 'it went on')"

# A second training in a locked folder refuses and leaves everything as it was; the first goes on.
"$CINCH" train "${recipe[@]}" --epochs $epochs --quiet -o locked > locked.said 2>&1 &
id=$!
for _ in $(seq 200); do
    [ -e locked/recipe.ini ] && break
    pause 10
done
kill -STOP $id
contents locked > before
train locked "${recipe[@]}" --epochs 3
status=$?
judge "a second training in a locked folder gives 1" "$([ $status = 1 ] || echo "exit $status")"
judge "a second training in a locked folder says so" "$(one_line locked.said)"
"$CINCH" train --resume locked --quiet > said 2>&1
status=$?
judge "--resume of a locked folder gives 1" "$([ $status = 1 ] || echo "exit $status"; one_line said)"
contents locked > after
judge "a locked folder stays as it was" "$(diff before after)"
kill -CONT $id
wait $id
status=$?
judge "the first training goes on" "$([ $status = 0 ] || echo "exit $status"; different whole locked)"

# An earlier run is replaced; a run's own recipe repeats it, from any folder.
cp -r forty replaced
train replaced "${recipe[@]}" --epochs 20
judge "a new run replaces an earlier one" "$(different first replaced)"
(cd elsewhere && train again ../first/recipe.ini)
judge "a run's own recipe gives the same bits" "$(different first elsewhere/again)"
(cd first && "$CINCH" train recipe.ini --quiet -o . > ../said 2>&1)
judge "a run's own recipe in its own folder" "$([ $? = 0 ] || tail -n 1 said
    different first elsewhere/again)"

# A refused run leaves nothing: neither a folder nor a change to one that is there.
printf 'a,b\n1,2\n3,n/a\n5,6\n' > text.csv
printf 'a,b\n1,2\n3,nan\n5,6\n' > nan.csv
printf 'a,b\n1,2\n3\n5,6\n' > ragged.csv
head -c 3000 "$data/bytes.npy" > short.npy
printf '[train]\nepoks = 3\n' > key.ini
printf '[data]\ntrain = table.csv\n[model]\nencoder = dens 3\n' > layer.ini
printf '[data]\ntrain = table.csv\n[model]\nencoder dense 3\n' > line.ini
refuse() {
    local name=$1 statuses=$2 status
    shift 2
    rm -rf refused
    train refused "$@"
    status=$?
    judge "refused: $name" "$([[ " $statuses " = *" $status "* ]] || echo "exit $status, not $statuses"
        one_line refused.said
        [ ! -e refused ] || echo "left $(ls -A refused | tr '\n' ' ')")"
    contents first > before
    train first "$@"
    contents first > after
    judge "refused over an earlier run: $name" "$(diff before after)"
}
dense=(--encoder 'dense 2')
refuse "text in a cell" 3 --train text.csv "${dense[@]}"
refuse "a NaN" 3 --train nan.csv "${dense[@]}"
refuse "a ragged row" 3 --train ragged.csv "${dense[@]}"
refuse "a truncated array" 3 --train short.npy "${dense[@]}"
refuse "no such data" 4 --train nowhere.csv "${dense[@]}"
refuse "no such test data" 4 --train table.csv --test nowhere.csv "${dense[@]}"
refuse "test data of another width" 3 --train table.csv --test "$data/bytes.npy" "${dense[@]}"
refuse "no such starting weights" 4 --train table.csv --init-from nowhere.safetensors "${dense[@]}"
refuse "starting weights of another net" 3 --train table.csv --init-from first/model.safetensors "${dense[@]}"
refuse "an unknown key in a recipe" "2 3" key.ini
refuse "an unknown layer in a recipe" "2 3" layer.ini
refuse "a line without =" 3 line.ini
refuse "an unknown flag" 2 --train table.csv "${dense[@]}" --epoks 3
refuse "an unknown layer" 2 --train table.csv --encoder 'dens 2'
refuse "an unknown optimizer" 2 --train table.csv "${dense[@]}" --optimizer adamm
refuse "a number out of its range" 2 --train table.csv "${dense[@]}" --batch 0
refuse "bce of data outside 0 and 1" 3 --train table.csv --loss bce "${dense[@]}" --decoder 'dense 12 sigmoid'
refuse "a decoder of another width" "2 3" --train table.csv "${dense[@]}" --decoder 'dense 11'
refuse "no data" "2 3" "${dense[@]}"
refuse "no recipe" 4 nowhere.ini

# Nothing to resume, and a checkpoint that is not whole.
"$CINCH" train --resume nowhere --quiet > said 2>&1
status=$?
judge "--resume of no folder" "$([ $status = 3 ] || [ $status = 4 ] || echo "exit $status"; one_line said
    [ ! -e nowhere ] || echo 'it made the folder')"
why=$(stop_at broken INT 130 30 "${recipe[@]}" --epochs $epochs -o broken)
size=$(wc -c < broken/checkpoint.safetensors)
head -c $((size / 2)) broken/checkpoint.safetensors > half && cp half broken/checkpoint.safetensors
contents broken > before
"$CINCH" train --resume broken --quiet > said 2>&1
status=$?
contents broken > after
judge "--resume of half a checkpoint" "$why$([ $status = 3 ] || echo "exit $status"
    one_line said
    diff before after)"
# A stop whose checkpoint cannot be written is a failure, not a stop.
"$CINCH" train "${recipe[@]}" --epochs 100000 --quiet -o blocked > blocked.said 2>&1 &
id=$!
pause 300
rm blocked/checkpoint.safetensors && mkdir blocked/checkpoint.safetensors
kill -TERM $id
wait $id
status=$?
judge "SIGTERM with a checkpoint that cannot be written gives 4" "$([ $status = 4 ] || echo "exit $status")$(
    one_line blocked.said)"
# A run does not write over what it reads.
mkdir own && cp table.csv own/history.csv
cp own/history.csv kept.csv
"$CINCH" train --train own/history.csv --encoder 'dense 2' -o own 2> own.said
status=$?
judge "a run that would write over its input is refused" "$([ $status = 2 ] || echo "exit $status")$(
    cmp own/history.csv kept.csv)$(one_line own.said)"

# Other rows of the same shape and scaling are other data.
train pictures --train "$data/bytes.npy" --encoder 'dense 4' --epochs 2
head -c 128 "$data/bytes.npy" > other.npy
tail -c +129 "$data/bytes.npy" | tr '\000-\177' '\001-\200' >> other.npy
sed -i "s|^train = .*|train = $PWD/other.npy|" pictures/recipe.ini
"$CINCH" train --resume pictures --epochs 3 --quiet > pictures.said 2>&1
status=$?
judge "--resume on changed data is refused" "$([ $status = 3 ] || echo "exit $status")$(one_line pictures.said)"

# A checkpoint that is there but cannot be read is no reason to begin anew.
cp -r whole unread
rm unread/checkpoint.safetensors && ln -s checkpoint.safetensors unread/checkpoint.safetensors
"$CINCH" train --resume unread --quiet > unread.said 2>&1
status=$?
judge "--resume with an unreadable checkpoint gives 4" "$([ $status = 4 ] || echo "exit $status")$(
    one_line unread.said)"
finish
