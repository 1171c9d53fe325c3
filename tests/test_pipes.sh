#!/bin/bash
# Rows through pipes, and what a newcomer hands over: each ends in a result, or in one line that says what to do.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/common.sh"

make_table 2000 > rows.csv
gzip -k rows.csv
train run --train rows.csv --encoder "dense 3 tanh" --epochs 1
"$CINCH" encode run rows.csv > codes.csv

# ---- Pipes -------------------------------------------------------------------------------------------------

# piped NAME STATUSES OUTPUT: what the last pipeline's parts ended in, what it printed, and no word of complaint.
piped() {
    judge "$1" "$(
        [ "$2" = "$statuses" ] || echo "the statuses are $statuses"
        cmp "$3" out 2>&1 | head -n 1
        [ ! -s err ] || head -n 3 err
    )"
}

zcat rows.csv.gz | "$CINCH" encode run/model.safetensors - 2> err > out
statuses=${PIPESTATUS[*]}
piped "a table through a pipe" "0 0" codes.csv
"$CINCH" encode run - < rows.csv.gz 2> err > out
statuses=$?
piped "a gzipped table on standard input" 0 codes.csv
head -n 3 codes.csv > first
zcat rows.csv.gz | { "$CINCH" encode run/model.safetensors - 2> err; echo $? > status; } | head -n 3 > out
statuses=$(cat status)
[ "$statuses" = 141 ] && statuses=0
piped "a reader that goes away early" 0 first
# Enough rows that the pipe is full before head has gone.
{ cat rows.csv; for _ in $(seq 20); do tail -n +2 rows.csv; done; } > many.csv
{ "$CINCH" encode run - < many.csv 2> err; echo $? > status; } | head -n 3 > out
statuses=$(cat status)
piped "a reader that goes away from a full pipe" 141 first
"$CINCH" encode run rows.csv -o - 2> err | "$CINCH" decode run - -o back.csv 2>> err
statuses=${PIPESTATUS[*]}
"$CINCH" reconstruct run rows.csv -o there.csv
cp back.csv out
piped "codes from one to the next" "0 0" there.csv
"$CINCH" info - < /dev/null > out 2> err
judge "nothing on standard input" "$([ $? = 3 ] && one_line err)"

# ---- Tables that nobody prepared ----------------------------------------------------------------------------

# works NAME PATTERN COMMAND...: it succeeds, and what it prints has the pattern.
works() {
    local name=$1 pattern=$2
    shift 2
    "$@" > out 2> err
    judge "$name" "$([ $? = 0 ] && cat out err | grep -q -- "$pattern" || head -n 3 err out)"
}

# refused NAME PATTERN COMMAND...: status 3 and one line that has the pattern.
refused() {
    local name=$1 pattern=$2
    shift 2
    "$@" > out 2> err
    local status=$?
    judge "$name" "$([ $status = 3 ] || echo "status $status"; one_line err; grep -q -- "$pattern" err || cat err)"
}

printf '\xef\xbb\xbfSepal Length (cm), Petal Width ,kind\r\n5.1,0.2,setosa\r\n4.9,0.3,setosa\r\n7,1.4,other\r\n' > spaces.csv
works "a header with spaces, a text column, CRLF, a mark at the front" "train loss" \
    "$CINCH" train --train spaces.csv --columns "Sepal Length (cm), Petal Width" --label kind \
    --encoder "dense 1" --epochs 1 -o spaces
refused "a text column that is not named" "kind" "$CINCH" train --train spaces.csv --encoder "dense 1" -o none
printf 'a,b\n1,2\n,3\n4,5\n' > holes.csv
refused "an empty cell" "holes.csv:3.*--missing" "$CINCH" train --train holes.csv --encoder "dense 1" -o none
works "an empty cell that is filled" "train loss" \
    "$CINCH" train --train holes.csv --missing mean --encoder "dense 1" --epochs 1 -o holes
printf '1,2,3\n' > one.csv
works "one row" "train loss" "$CINCH" train --train one.csv --encoder "dense 1" --epochs 1 -o one
awk 'BEGIN { for (r = 0; r < 5; r++) for (c = 0; c < 10000; c++) printf "%d%s", (r * c) % 17, c < 9999 ? "," : "\n" }' \
    > wide.csv
works "10,000 columns" "train loss" "$CINCH" train --train wide.csv --encoder "dense 4" --epochs 1 -o wide
works "10,000 columns, encoded" "," "$CINCH" encode wide wide.csv
judge "refused trainings leave nothing" "$(ls -d none 2> /dev/null)"

# ---- Pictures ------------------------------------------------------------------------------------------------

# One byte as printf's escape; a number as four of them, the high one first.
byte() {
    printf '\\x%02x' "$1"
}
word() {
    byte $(($1 >> 24 & 255)); byte $(($1 >> 16 & 255)); byte $(($1 >> 8 & 255)); byte $(($1 & 255))
}

# chunk NAME DATA(as printf's escapes): gzip says the checksum.
chunk() {
    printf "$2" > piece
    printf '%s' "$1" | cat - piece > checked
    printf "$(word "$(stat -c %s piece)")"
    cat checked
    gzip -c checked | tail -c 8 | head -c 4 | od -An -tu1 | { read -r a b c d; printf "$(byte "$d")$(byte "$c")$(byte "$b")$(byte "$a")"; }
}

# picture WIDTH HEIGHT DEPTH COLOUR CHANNELS SEED: a PNG file on standard output, its pixels in one stored block.
picture() {
    local row=$(($1 * $5 * $3 / 8)) raw='' a=1 b=0 value i
    local nbytes=$(((row + 1) * $2))
    for ((i = 0; i < nbytes; i++)); do
        value=$((i % (row + 1) ? (i * 37 + $6 * 11) & 255 : 0))
        raw+=$(byte $value)
        a=$(((a + value) % 65521)) b=$(((b + a) % 65521))
    done
    printf '\x89PNG\r\n\x1a\n'
    chunk IHDR "$(word "$1")$(word "$2")$(byte "$3")$(byte "$4")\\0\\0\\0"
    chunk IDAT "\\x78\\x01\\x01$(byte $((nbytes & 255)))$(byte $((nbytes >> 8)))$(byte $((~nbytes & 255)))$(
        byte $((~nbytes >> 8 & 255)))$raw$(word $((b << 16 | a)))"
    chunk IEND ''
}

mkdir grey colour mixed sizes nothing
for i in 1 2 10; do
    picture 4 3 16 0 1 $i > grey/$i.png
    picture 4 3 16 2 3 $i > colour/$i.png
done
works "grey pictures of 16 bits" "shape: 3x3x4x1" "$CINCH" info grey
works "colour pictures of 16 bits" "type: uint16" "$CINCH" info colour
works "one picture through a pipe" "shape: 1x3x4x3" "$CINCH" info - < colour/10.png
for kind in grey colour; do
    works "$kind pictures, trained" "scale auto: unit (uint16)" \
        "$CINCH" train --train $kind --encoder "dense 2" --epochs 1 -o run-$kind
    works "$kind pictures, encoded" "," "$CINCH" encode run-$kind $kind
    judge "$kind pictures, a row each" "$([ "$(wc -l < out)" = 3 ] || cat out)"
    sed -n 2p out > second
    works "$kind picture, alone" "," "$CINCH" encode run-$kind $kind/10.png
    judge "$kind pictures, sorted by the bytes of their names" "$(cmp second out 2>&1)"
done
"$CINCH" train run-grey/recipe.ini -o again --quiet > /dev/null 2> err
judge "a recipe with a folder" "$(different run-grey again; cat err)"
cp grey/1.png mixed/a.png
cp colour/1.png mixed/b.png
refused "grey and colour together" "mixed/b.png: is in colour, mixed/a.png is grey" "$CINCH" info mixed
cp grey/1.png sizes/a.png
picture 5 3 16 0 1 1 > sizes/b.png
refused "sizes that differ" "sizes/b.png: is 5x3 pixels" "$CINCH" train --train sizes --encoder "dense 1" -o none
refused "a model of grey pictures given colour" "colour" "$CINCH" encode run-grey colour
refused "an empty folder" "no PNG files" "$CINCH" info nothing
refused "columns of pictures" "columns and labels" "$CINCH" info grey --label 0
works "a run folder is still a model" "code: 2 of 12" "$CINCH" info run-grey
rm run-grey/model.safetensors
"$CINCH" info run-grey > out 2> err
judge "a run folder without its model" "$([ $? = 4 ] || cat err; one_line err; grep -q -- --resume err || cat err)"

finish
