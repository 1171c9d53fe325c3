#!/usr/bin/env bash
# A layer, a loss and an optimizer that live in a folder of their own appear everywhere by being there: built with
# PARTS=tests/parts, no other file is touched.
. "$(dirname "$0")/common.sh"
make_table 200 > table.csv
make -s -C "$root" PARTS=tests/parts all build/release-parts/tests/test_gradients \
    build/release-parts/tests/test_tables > built 2>&1
judge "builds with PARTS=tests/parts" "$([ $? = 0 ] || tail -n 3 built | tr '\n' '/')"
plain=$CINCH
CINCH=$root/build/release-parts/cinch

for pair in "layers gain" "losses quartic" "optimizers signs"; do
    set -- $pair
    judge "help $1 shows $2" "$("$CINCH" help "$1" | grep -q "^$2" || echo "it does not")"
    judge "without PARTS there is no $2" "$("$plain" help "$1" | grep "^$2")"
done
"$CINCH" train --train table.csv --encoder 'gain 3 | dense 2' -o run 2> said
judge "its options are checked" "$([ $? = 2 ] && grep -q 'gain' said || cat said)"

for test in test_gradients test_tables; do
    (cd "$root" && "build/release-parts/tests/$test") > "$test.said" 2>&1
    judge "$test over the tables with them" "$([ $? = 0 ] || grep -m 3 -i 'error\|fail' "$test.said" | tr '\n' '/')"
done

train run --train table.csv --encoder 'dense 8 tanh | gain | dense 3' --loss quartic --optimizer 'signs lr=0.003' \
    --epochs 4 --threads 1
train again --train table.csv --encoder 'dense 8 tanh | gain | dense 3' --loss quartic \
    --optimizer 'signs lr=0.003' --epochs 4 --threads 3
judge "trains, saves, and the threads do not matter" "$(different run again)"
"$CINCH" encode run/model.safetensors table.csv -o codes.npy 2> said &&
    "$CINCH" decode run/model.safetensors codes.npy -o rows.npy 2> said
judge "its model loads, encodes, decodes" "$([ $? = 0 ] || cat said)"
"$plain" encode run/model.safetensors table.csv -o codes.npy 2> said
judge "a command without them refuses the model by name" "$([ $? = 3 ] && grep -q gain said || cat said)"
finish
