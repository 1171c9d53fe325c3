#!/usr/bin/env bash
# Greedy pretraining: its stages are the trainings that a user would do by hand; stopped or killed in any of them it
# goes on to the same bits; what does not go with it is refused.
. "$(dirname "$0")/common.sh"
make_table 1500 > table.csv
settings=(--epochs 4 --validation 0.2 --limit 1200 --batch 50 --seed 7 --optimizer 'sgd lr=0.05 momentum=0.9')

# stage_losses FOLDER LAYER: a stage's history but for the seconds.
stage_losses() {
    sed 's/,[^,]*$//' "$1/history-encoder.$2.csv"
}

# By hand: each layer with what stands before it and has no weights, on the codes of the model before.
train whole --train table.csv --encoder 'dropout 0.1 | dense 8 tanh | dropout 0.2 | dense 4 sigmoid | dense 3' \
    --pretrain greedy "${settings[@]}"
judge "greedy trains" "$([ -s whole/model.safetensors ] || cat whole.said)"
train hand-1 --train table.csv --encoder 'dropout 0.1 | dense 8 tanh' "${settings[@]}"
"$CINCH" encode hand-1 table.csv -o codes-1.npy
train hand-3 --train codes-1.npy --scale none --encoder 'dropout 0.2 | dense 4 sigmoid' --decoder 'mirror tanh' \
    "${settings[@]}"
"$CINCH" encode hand-3 codes-1.npy -o codes-3.npy
train hand-4 --train codes-3.npy --scale none --encoder 'dense 3' --decoder 'mirror sigmoid' "${settings[@]}"
for layer in 1 3 4; do
    judge "stage encoder.$layer is the training by hand" "$([ "$(losses hand-$layer | wc -l)" = 5 ] &&
        diff <(stage_losses whole $layer) <(losses hand-$layer) 2>&1)$([ -s hand-$layer/model.safetensors ] ||
        cat hand-$layer.said)"
done

# The same of images, whose pool goes with the layer after it, and of tied weights.
small=(--epochs 3 --batch 16 --seed 4)
image=(--train table.csv --input 2x6x1 "${small[@]}")
train images "${image[@]}" --encoder 'conv 4 3x3 relu | maxpool 2 | conv 2 3x3 tanh | dense 3' --pretrain greedy
train image-0 "${image[@]}" --encoder 'conv 4 3x3 relu'
"$CINCH" encode image-0 table.csv -o codes-0.npy
train image-2 --train codes-0.npy --scale none "${small[@]}" --encoder 'maxpool 2 | conv 2 3x3 tanh' \
    --decoder 'mirror relu'
"$CINCH" encode image-2 codes-0.npy -o codes-2.npy
train image-3 --train codes-2.npy --scale none "${small[@]}" --encoder 'dense 3' --decoder 'mirror tanh'
for layer in 0 2 3; do
    judge "stage encoder.$layer of images" "$([ "$(losses image-$layer | wc -l)" = 4 ] || cat image-$layer.said
        diff <(stage_losses images $layer) <(losses image-$layer) 2>&1)"
done
train tied --train table.csv "${small[@]}" --encoder 'dense 8 tanh | dense 3' --decoder 'tied sigmoid linear' \
    --pretrain greedy
train tied-0 --train table.csv "${small[@]}" --encoder 'dense 8 tanh' --decoder 'tied linear'
"$CINCH" encode tied-0 table.csv -o codes-0.npy
train tied-1 --train codes-0.npy --scale none "${small[@]}" --encoder 'dense 3' --decoder 'tied sigmoid'
for layer in 0 1; do
    judge "stage encoder.$layer of tied weights" "$([ "$(losses tied-$layer | wc -l)" = 4 ] || cat tied-$layer.said
        diff <(stage_losses tied $layer) <(losses tied-$layer) 2>&1)"
done

# Threads.
for threads in 1 3; do
    train threads-$threads --train table.csv --encoder 'dense 8 tanh | dense 3' --pretrain greedy --threads $threads \
        "${settings[@]}"
done
judge "the threads do not matter" "$(different threads-1 threads-3
    diff <(stage_losses threads-1 1) <(stage_losses threads-3 1))"

# The start that it gives: the first epoch of the whole beats the first from scratch.
deep=(--train table.csv --encoder 'dense 24 sigmoid | dense 12 sigmoid | dense 4 sigmoid' --seed 2
    --optimizer 'adam lr=0.003' --epochs 20)
train scratch "${deep[@]}"
train greedy "${deep[@]}" --pretrain greedy
first() {
    sed -n 2p "$1/history.csv" | cut -d, -f2
}
judge "a better start than from scratch" "$(awk -v a="$(first greedy)" -v b="$(first scratch)" \
    'BEGIN { if (!(a + 0 > 0 && a < 0.7 * b)) print a " against " b }')"

# Stopped in each of the stages, by a signal and by death.
long=(--train table.csv --encoder 'dropout 0.1 | dense 32 tanh | dense 16 tanh | dense 3' --pretrain greedy
    --validation 0.1 --batch 16)
start=$(now)
train first "${long[@]}" --epochs 20
took=$(($(now) - start))
epochs=$((20 * 1500 / (took > 15 ? took : 15)))
epochs=$((epochs < 20 ? 20 : epochs > 3000 ? 3000 : epochs))
start=$(now)
train complete "${long[@]}" --epochs $epochs
took=$(($(now) - start))

# same FOLDER: why it does not end as the run never stopped.
same() {
    different complete "$1"
    for layer in 1 2 3; do
        diff <(stage_losses complete $layer) <(stage_losses "$1" $layer) > /dev/null || echo "stage $layer differs"
    done
}

# The stage that a run's checkpoint stands in, nothing once the whole is trained.
stage_of() {
    head -c 100000 "$1/checkpoint.safetensors" | grep -ao '"stage": *"[^"]*"' | sed 's/.*"\(encoder[^"]*\)"/\1/'
}

# stop_at FOLDER SIGNAL STATUS PERCENT: stopped after that share of the whole run's time; one that was through already
# is tried again at half the share.
stop_at() {
    local status
    rm -rf "$1"
    interrupt "$2" $((took * $4 / 100)) "$CINCH" train "${long[@]}" --epochs $epochs --checkpoint 1 --quiet -o "$1" \
        > stopped.said 2>&1
    status=$?
    if [ $status = 0 ] && [ "$4" -gt 4 ]; then
        stop_at "$1" "$2" "$3" $(($4 / 2))
        return
    fi
    [ $status = "$3" ] || echo "exit $status, not $3: $(tail -n 1 stopped.said)"
}

stages=
for case in "INT 130 10" "TERM 143 35" "INT 130 60" "TERM 143 85" "KILL 137 30"; do
    set -- $case
    judge "SIG$1 at $3 % gives $2" "$(stop_at "at-$3" $case)"
    stage=$(stage_of "at-$3")
    stages="$stages $stage"
    for done in 1 2 3; do # those that are finished are kept to the byte, seconds and all
        [ "encoder.$done" = "$stage" ] && break
        cp "at-$3/history-encoder.$done.csv" "kept-$done.csv"
    done
    "$CINCH" train --resume "at-$3" --threads 1 --quiet > said 2>&1
    judge "stopped in ${stage:-the whole} and --resume" "$([ $? = 0 ] || tail -n 1 said; same "at-$3")"
    again=
    for done in 1 2 3; do
        [ "encoder.$done" = "$stage" ] && break
        cmp -s "at-$3/history-encoder.$done.csv" "kept-$done.csv" || again="$again $done"
    done
    judge "no finished stage is repeated after ${stage:-the whole}" "$again"
done
judge "they stopped in a stage" "$(echo "$stages" | grep -q encoder || echo 'none of them did')"

# Another number of epochs is another training, in a stage and after all.
judge "SIGINT early" "$(stop_at early INT 130 10)"
for folder in early complete; do
    contents $folder > before
    "$CINCH" train --resume $folder --epochs $((epochs + 5)) --quiet > said 2>&1
    status=$?
    contents $folder > after
    judge "--resume --epochs of $folder is refused" "$([ $status = 2 ] || echo "exit $status"; one_line said
        grep -q -- --epochs said || cat said
        diff before after)"
done

# A new run in the folder leaves no history of stages that it does not have.
cp -r whole replaced
train replaced --train table.csv --encoder 'dense 3' --epochs 2
judge "old stages' histories go" "$(ls replaced | grep history-)"

refuse() {
    local name=$1 wanted=$2 status
    shift 2
    rm -rf refused
    train refused --train table.csv --pretrain greedy --encoder 'dense 8 tanh | dense 4' "$@"
    status=$?
    judge "refused: $name" "$([ $status = 2 ] || echo "exit $status"; one_line refused.said
        grep -q "$wanted" refused.said || cat refused.said
        [ ! -e refused ] || echo "left $(ls -A refused)")"
}
refuse "a decoder of other sizes" 'decoder.0 (dense 7)' --decoder 'dense 7 | dense 12'
refuse "a decoder with a layer more" 'decoder.0 (dense 5)' --decoder 'dense 5 | dense 8 | dense 12'
refuse "a decoder with a layer less" 'encoder.1 (dense 4)' --decoder 'dense 12'
refuse "pretrain and init_from" init_from --init-from whole/model.safetensors
refuse "another word" pretrain --pretrain gready
cp table.csv whole/history-encoder.1.csv
(cd whole && "$CINCH" train --train history-encoder.1.csv --pretrain greedy --encoder 'dropout 0.1 | dense 2' \
    -o .) 2> said
judge "a run that would write a stage's history over its input" "$([ $? = 2 ] && cmp table.csv \
    whole/history-encoder.1.csv 2>&1 || cat said)"
finish
