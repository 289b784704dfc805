# Sourced by gpu-first and gpu-compare: options, stages with limits, reruns that explain a failure, and one archive.
#
# The script that sources this has set $plan, one stage a line: its name, its limit in seconds, what it tells; and
# $total, the seconds of the whole. It calls begin "$@", then stage for each, then finish.
set -u

script=${0##*/}
home=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)

# Figures of a part of a stage may be cut off by its limit; the longest that a process may take to stop is within it.
GRACE_MS=2500
# What a rerun may take at most, and what is kept for reruns beside the limits of the stages.
RERUN_S=25
RESERVE_S=12
LOG_BYTES=204800
CACHE_BYTES=15728640

device=cuda
seconds=$total
only=
small=no
cache=
out=
work=
background=
running=
current=
unusable=
rerun_result=
failed=no
interrupted=no
extra=()        # Options of densenet4j that a rerun adds.
test_flags=()   # The same for tests.
columns='framework model batch variant precision input images_per_s peak_bytes reserved_bytes card_bytes note'

fail() {
    echo "$script: $1" >&2
    exit 2
}

say() { echo "$script: $1" >&2; }

# Milliseconds since some point in the past.
now() {
    if [ -n "${EPOCHREALTIME:-}" ]; then
        echo $((${EPOCHREALTIME//[.,]/} / 1000))
    else
        echo $((SECONDS * 1000))
    fi
}

# Seconds that the plan gives a stage.
limit_of() {
    awk -v name="$1" -v scale="$seconds" -v total="$total" '$1 == name { print int($2 * scale / total) }' <<<"$plan"
}

usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$home/$script"; }

options() {
    while [ $# -gt 0 ]; do
        case $1 in
            --device) shift; device=${1:?"--device needs a name"} ;;
            --seconds) shift; seconds=${1:?"--seconds needs a number"} ;;
            --only) shift; only=${1:?"--only needs names of stages"} ;;
            --cache) shift; cache=${1:?"--cache needs a file"} ;;
            --small) small=yes ;;
            --plan) printf '%s\n' "$plan"; echo "reruns $RESERVE_S what explains a failure, and packing"; exit 0 ;;
            -h | --help) usage; exit 0 ;;
            -*) fail "unknown option $1 (see --help)" ;;
            *) out=$1 ;;
        esac
        shift
    done
    [ -f "$home/.gpu-bundle" ] || fail "run the copy inside the folder that scripts/gpu-bundle makes"
    [ -n "$out" ] || fail "name a folder for the results (see --help)"
    case $seconds in '' | *[!0-9]*) fail "--seconds needs a number, not '$seconds'" ;; esac
    local name
    for name in ${only//,/ }; do
        [ -n "$(limit_of "$name")" ] || fail "no stage is named '$name' (see --plan)"
    done
    mkdir -p "$out" 2>/dev/null && [ -w "$out" ] || fail "cannot write to $out"
    out=$(cd "$out" && pwd)
    [ -z "$cache" ] || cache=$(readlink -f "$cache")
}

begin() {
    options "$@"
    cd "$home" || exit 2
    work=$(mktemp -d "${TMPDIR:-/tmp}/$script-XXXXXX" 2>/dev/null) || work=$(mktemp -d "$out/.$script-XXXXXX" 2>/dev/null) ||
        fail "neither ${TMPDIR:-/tmp} nor $out can be written to: is the disk full?"
    if ! head -c 4194304 /dev/zero >"$work/.probe" 2>/dev/null; then # No room there.
        rm -rf "$work"
        work=$(mktemp -d "$out/.$script-XXXXXX" 2>/dev/null) || fail "cannot write to $out: is the disk full?"
    fi
    rm -f "$work/.probe"
    trap 'rm -rf "$work"' EXIT
    trap 'interrupt' INT TERM HUP
    started=$(now)
    began=$(date '+%Y-%m-%d %H:%M:%S %z')
    planned=0
    : >"$work/stages.tsv"
    tr ' ' '\t' <<<"$columns" >"$work/figures.tsv"
    python=$(command -v python3 || true)
    # Both sides of a comparison take the same libraries: PyTorch's own copies, where none are named.
    if [ -z "${DENSENET4J_CUDA_LIBS:-}" ] && [ -n "$python" ]; then
        local pip
        pip=$(timeout -k 1 10 "$python" -c 'import nvidia; print(list(nvidia.__path__)[0])' 2>/dev/null) &&
            export DENSENET4J_CUDA_LIBS=$pip
    fi
    # What the driver compiles serves every process that comes after, also where there is no home folder.
    export CUDA_CACHE_PATH=${CUDA_CACHE_PATH:-${TMPDIR:-/tmp}/densenet4j-cuda-$(id -u)}
    export TORCHINDUCTOR_CACHE_DIR=${TORCHINDUCTOR_CACHE_DIR:-${TMPDIR:-/tmp}/densenet4j-inductor-$(id -u)}
}

# ---------------------------------------------------------------- processes

# stop GROUP: threads of Java first tell where they are, then the group ends, by force if it must. 1 when it cannot be
# ended, as when a driver holds it.
stop() {
    local group=$1 process of tries
    for process in /proc/[0-9]*; do
        of=$(sed 's/.*) //' "$process/stat" 2>/dev/null | cut -d' ' -f3)
        if [ "$of" = "$group" ] && [ "$(cat "$process/comm" 2>/dev/null)" = java ]; then
            kill -QUIT "${process#/proc/}" 2>/dev/null && sleep 0.3
        fi
    done
    kill -TERM -- "-$group" 2>/dev/null
    for tries in 1 2 3 4 5; do
        kill -0 -- "-$group" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL -- "-$group" 2>/dev/null
    for tries in 1 2 3 4 5; do
        kill -0 -- "-$group" 2>/dev/null || return 0
        sleep 0.1
    done
    return 1
}

# launch LOG COMMAND...: starts it in a process group of its own, which is $launched.
launch() {
    local log=$1
    shift
    set -m
    (
        trap - INT TERM HUP EXIT
        "$@"
    ) >>"$log" 2>&1 </dev/null &
    launched=$!
    set +m
}

# limited MILLISECONDS LOG COMMAND...: its exit code, or 124 when it was stopped at the limit.
limited() {
    local end=$(($(now) + $1)) status
    shift
    launch "$@"
    running=$launched
    while kill -0 "$running" 2>/dev/null; do
        if [ "$(now)" -ge "$end" ]; then
            stop "$running" || echo "$script: process group $running cannot be ended" >>"$1"
            running=
            return 124
        fi
        sleep 0.05
    done
    wait "$running"
    status=$?
    stop_rest "$running"
    running=
    return $status
}

# What a process left running in its group.
stop_rest() { kill -KILL -- "-$1" 2>/dev/null; }

interrupt() {
    trap '' INT TERM HUP
    interrupted=yes
    say 'stopped; packing what there is'
    [ -z "$running" ] || stop "$running"
    [ -z "$current" ] || record "$current" stopped 0 'by a signal'
    current=
    finish
}

# ---------------------------------------------------------------- stages

# record STAGE RESULT SECONDS NOTE
record() {
    printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" >>"$work/stages.tsv"
    case $2 in failed | timeout | stopped) failed=yes ;; esac
}

# The line of a log that says most: what was counted, else what went wrong, else the last.
essence() {
    local line
    line=$(grep -hE 'tests (successful|failed|aborted)|ERROR SUMMARY|parity (holds|does not)|^error:|^differs|^same' "$1" |
        grep -vE '\[ +0 tests' | tail -n 1)
    [ -n "$line" ] || line=$(grep -hE "Exception|^  ${device%%:*} " "$1" | head -n 1)
    [ -n "$line" ] || line=$(grep -hvE '^WARNING|^ *$|^strategy=' "$1" | tail -n 1)
    tr -s ' \t' ' ' <<<"$line" | tr -d '\000-\037' | sed 's/^ //' | cut -c1-110
}

# Milliseconds that finished stages left of their limits, and what is kept for reruns.
slack() {
    local whole=$((seconds * 1000)) spent=$(($(now) - started)) kept=$((RESERVE_S * seconds * 1000 / total)) left
    left=$((planned + kept - spent))
    [ $left -le $((whole - spent)) ] || left=$((whole - spent))
    echo $left
}

# stage NAME FUNCTION: runs its parts within the stage's limit, reruns the first that failed, packs.
stage() {
    local name=$1 limit began_stage rest
    limit=$(limit_of "$1")
    if [ -n "$only" ] && ! [[ ,$only, == *,$name,* ]]; then
        return
    fi
    planned=$((planned + limit * 1000))
    current=$name
    log=$work/$name.log
    : >"$log"
    say "$name ..."
    began_stage=$(now)
    stage_end=$((began_stage + limit * 1000 - 100))
    rest=$((seconds * 1000 - (began_stage - started)))
    [ $stage_end -le $((began_stage + rest)) ] || stage_end=$((began_stage + rest))
    stage_result=ok
    stage_note=
    failed_part=()
    if [ -n "$unusable" ] && [ "$2" != peer ] && [[ $2 != peer_* ]] && [ "$2" != machine ]; then
        stage_result=skipped
        stage_note=$unusable
    elif [ $rest -lt 3000 ]; then
        stage_result=skipped
        stage_note='no time left'
    else
        "$2"
    fi
    current=
    record "$name" "$stage_result" $((($(now) - began_stage + 500) / 1000)) "${stage_note:-$(essence "$log")}"
    rerun_result=
    [ ${#failed_part[@]} -eq 0 ] || rerun "$name"
    # A first start that was only slow leaves behind what makes the next one fast.
    case $name:$stage_result:$rerun_result in
        open:ok:* | *:ok | open:timeout:) ;;
        open:*) unusable='the device does not work; see open' ;;
    esac
    pack
}

# use_what_is_left STAGE: the last stage also gets what the others did not take.
use_what_is_left() {
    local left=$((seconds - ($(now) - started) / 1000 - 2)) given
    given=$(limit_of "$1")
    [ $left -le "$given" ] || plan=$(awk -v name="$1" -v left=$((left * total / seconds)) '$1 == name { $2 = left } { print }' <<<"$plan")
}

skip() {
    stage_result=skipped
    stage_note=$1
}

# part SECONDS COMMAND...: a command of this stage, within its own limit and the stage's. 1 when it failed.
part() {
    local allowed=$(($1 * 1000 * seconds / total)) rest=$((stage_end - $(now))) grace=$GRACE_MS status
    shift
    if [ $rest -lt 500 ]; then
        echo "$script: no time left for: $*" >>"$log"
        [ $stage_result != ok ] || stage_result=timeout
        return 1
    fi
    [ $allowed -le $rest ] || allowed=$rest
    [ $allowed -ge $((4 * grace)) ] || grace=$((allowed / 4))
    limited $((allowed - grace)) "$log" "$@"
    status=$?
    [ $status -ne 0 ] || return 0
    if [ $status = 124 ]; then
        echo "$script: stopped at its limit of $((allowed / 1000)) s: $*" >>"$log"
        [ $stage_result = failed ] || stage_result=timeout
    else
        stage_result=failed
    fi
    [ ${#failed_part[@]} -gt 0 ] || failed_part=("$@")
    return 1
}

# Runs the first failed part of a stage again, each operation waited for and named, with the libraries' own logs.
rerun() {
    local name=$1-rerun allowed status began_rerun
    case ${failed_part[0]} in engine | tests | measured) ;; *) return ;; esac
    allowed=$(slack)
    [ $allowed -le $((RERUN_S * seconds * 1000 / total)) ] || allowed=$((RERUN_S * seconds * 1000 / total))
    if [ $allowed -lt 3000 ]; then
        record "$name" skipped 0 'no time left'
        return
    fi
    say "$name ..."
    began_rerun=$(now)
    current=$name
    export CUDA_LAUNCH_BLOCKING=1 CUDNN_LOGLEVEL_DBG=3 CUDNN_LOGDEST_DBG=$work/$name-cudnn.log
    extra=(--synchronous --no-graphs)
    test_flags=(-Ddensenet4j.synchronous=true -Ddensenet4j.graphs=false)
    [ "$1" != open ] || export LD_DEBUG=libs LD_DEBUG_OUTPUT=$work/$name-loader
    [ "${failed_part[0]}" != tests ] || failed_tests
    limited $((allowed - GRACE_MS)) "$work/$name.log" "${failed_part[@]}"
    status=$?
    unset LD_DEBUG LD_DEBUG_OUTPUT CUDA_LAUNCH_BLOCKING CUDNN_LOGLEVEL_DBG CUDNN_LOGDEST_DBG
    extra=()
    test_flags=()
    cat "$work/$name-loader".* >"$work/$name-loader.log" 2>/dev/null
    rm -f "$work/$name-loader".[0-9]*
    current=
    case $status in
        0) status='ok' ;;
        124) status='timeout' ;;
        *) status='failed' ;;
    esac
    rerun_result=$status
    record "$name" $status $((($(now) - began_rerun + 500) / 1000)) "$(essence "$work/$name.log")"
}

# Replaces the selection of a failed part by the first of its tests that failed, as JUnit's report names them.
failed_tests() {
    local ids
    ids=$(awk '/<testcase/ { bad = 0 } /<(failure|error)/ { bad = 1 }
        bad && /unique-id:/ { sub(/.*unique-id: */, ""); sub(/[[:space:]]*$/, ""); print; bad = 0 }' \
        "$work"/junit/*.xml 2>/dev/null | head -n 5)
    [ -n "$ids" ] || return
    failed_part=(tests)
    while read -r id; do
        failed_part+=("--select-unique-id=$id")
    done <<<"$ids"
}

# ---------------------------------------------------------------- results

json_text() { sed 's/\\/\\\\/g; s/"/\\"/g' <<<"$1" | tr -d '\000-\037'; }

summary() {
    printf '{"script": "%s", "began": "%s", "seconds": %d, "device": "%s",\n' \
        "$script" "$began" $((($(now) - started) / 1000)) "$(json_text "$device")"
    printf ' "card": "%s",\n "stages": [' "$(json_text "$(head -n 1 "$work/card" 2>/dev/null)")"
    awk -F'\t' '
        function quoted(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); return "\"" s "\"" }
        { printf "%s\n  {\"stage\": %s, \"result\": %s, \"seconds\": %d, \"note\": %s}",
              (NR > 1 ? "," : ""), quoted($1), quoted($2), $3, quoted($4) }
        END { print "]," }' "$work/stages.tsv"
    awk -F'\t' '
        function quoted(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); return "\"" s "\"" }
        NR == 1 { for (i = 1; i <= NF; i++) name[i] = $i; printf " \"figures\": ["; next }
        { printf "%s\n  {", (NR > 2 ? "," : "")
          for (i = 1; i <= NF; i++)
              printf "%s%s: %s", (i > 1 ? ", " : ""), quoted(name[i]),
                  ($i == "-" ? "null" : $i ~ /^-?[0-9]+([.][0-9]+)?$/ ? $i : quoted($i))
          printf "}" }
        END { print "]}" }' "$work/figures.tsv"
}

table() {
    awk -F'\t' '
        function megabytes(x) { return x ~ /^-?[0-9]+$/ ? sprintf("%.0f", x / 1e6) : "-" }
        NR == 1 { next }
        NR == 2 { printf "%-8s %-12s %5s %-26s %-5s %-7s %10s %8s %8s %8s  %s\n", "", "model", "batch", "variant", "",
                      "input", "images/s", "peak MB", "reserved", "card MB", "" }
        { printf "%-8s %-12s %5s %-26s %-5s %-7s %10s %8s %8s %8s  %s\n", $1, $2, $3, $4, $5, $6, $7,
              megabytes($8), megabytes($9), megabytes($10), $11 }
        END { if (NR > 1) print "" }' "$work/figures.tsv"
    awk -F'\t' '{ printf "%-16s %-8s %4d s  %s\n", $1, $2, $3, $4 }' "$work/stages.tsv"
}

# Cuts logs and puts everything into one archive, which is replaced as a whole. A stop while this runs leaves the last.
pack() {
    local file
    for file in "$work"/*.log "$work"/junit/*.xml; do
        if [ -f "$file" ] && [ "$(wc -c <"$file")" -gt $LOG_BYTES ]; then
            tail -c $LOG_BYTES "$file" >"$work/.cut" 2>/dev/null && mv -f "$work/.cut" "$file"
        fi
    done
    summary >"$work/summary.json" 2>/dev/null
    table >"$work/summary.txt" 2>/dev/null
    if tar -C "$work" --exclude=./.cut -cz . >"$out/.results.new" 2>/dev/null && mv -fT "$out/.results.new" "$out/results.tgz" 2>/dev/null; then
        cp -f "$work/summary.json" "$out/.summary.new" 2>/dev/null && mv -f "$out/.summary.new" "$out/summary.json"
    else
        rm -f "$out/.results.new"
        say "cannot write $out/results.tgz: is the disk full?"
    fi
}

finish() {
    trap '' INT TERM HUP
    stop_compiling
    pack
    echo
    table
    echo "results in $out"
    [ $interrupted = no ] || exit 130
    [ $failed = no ]
    exit
}

# ---------------------------------------------------------------- what stages run

engine() {
    ./densenet4j "$@" ${extra[@]+"${extra[@]}"}
}

# Tests with the flags of the launcher. One that gave up because its device was missing has checked nothing.
tests() {
    local java
    set -o pipefail
    java=$(./densenet4j --java-home) || return 2
    rm -rf "$work/junit"
    "$java/bin/java" --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED -Xmx3g \
        "-Ddensenet4j.device=$device" ${test_flags[@]+"${test_flags[@]}"} \
        -cp "densenet4j.jar:tests/tests.jar:tests/*:lib/*:$java/oneDNN/*" \
        org.junit.platform.console.ConsoleLauncher execute --disable-banner --details=tree \
        --disable-ansi-colors --fail-if-no-tests --reports-dir="$work/junit" "$@" 2>&1 |
        awk '{ print; fflush() } / tests aborted / { aborted = $2 } / tests successful / { successful = $2 }
            END { exit !(successful > 0 && aborted == 0) }'
}

# Bytes in use on the card as nvidia-smi tells, or nothing.
card_memory() {
    local card=${CUDA_VISIBLE_DEVICES:-}
    card=${card%%,*}
    nvidia-smi -i "${card:-0}" --query-gpu=memory.used --format=csv,noheader,nounits 2>/dev/null |
        awk 'NR == 1 && /^[0-9]+/ { printf "%.0f", $1 * 1048576 }'
}

# measured FILE OPTION...: measure, its line also in FILE, and the most that nvidia-smi saw beside what it saw before.
measured() {
    local file=$1 before most=0 seen child status ticks=0
    shift
    before=$(card_memory)
    engine measure --device "$device" "$@" >"$file" &
    child=$!
    while kill -0 $child 2>/dev/null; do
        if [ -n "$before" ] && [ $((ticks++ % 10)) = 0 ]; then
            seen=$(card_memory)
            [ "${seen:-0}" -le "$most" ] || most=$seen
        fi
        sleep 0.1
    done
    wait $child
    status=$?
    [ -z "$before" ] || [ "$most" = 0 ] || echo "cardBytes=$((most - before))" >>"$file"
    cat "$file"
    return $status
}

# The value of key=... in a file.
value() { sed -n "s/^\(.* \)\{0,1\}$1=\([^ ]*\).*/\2/p" "$2" 2>/dev/null | head -n 1; }

row() {
    local IFS=$'\t'
    echo "$*" >>"$work/figures.tsv"
}

# ours SECONDS MODEL BATCH STRATEGY PRECISION STEPS [OPTION...]: measures a configuration of this engine as a part; in the
# place of a strategy INFERENCE, for forward passes.
ours() {
    local limit=$1 model=$2 batch=$3 strategy=$4 precision=$5 steps=$6 file=$work/.measured note
    shift 6
    local options=(--model "$model" --batch "$batch" --steps "$steps" --batches 2 "$@")
    if [ "$strategy" = INFERENCE ]; then options+=(--inference); else options+=(--strategy "$strategy"); fi
    [ "$model" != densenet121 ] || options+=(--input-size 224)
    [ "$precision" != tf32 ] || options+=(--tf32)
    [ "$precision" != bf16 ] || options+=(--precision bf16)
    rm -f "$file"
    echo "== ours ${options[*]}" >>"$log"
    export DENSENET4J_OPTS="${heap:--Xmx4g}"
    if part "$limit" measured "$file" "${options[@]}"; then
        note=$(tr ' ' '\n' <"$file" | grep -E '^(graphs|products|convolutions|layers|choice|fusedLayers|unfused|deviceBytes)=' | tr '\n' ' ')
        stage_note="${stage_note:+$stage_note, }$model $batch: $(value imagesPerSecond "$file") images/s"
        row ours "$model" "$batch" "$strategy${*:+ $*}" "$precision" "$(known "$(value input "$file")")" \
            "$(value imagesPerSecond "$file")" "$(value allocated "$file")" - "$(known "$(value cardBytes "$file")")" "${note% }"
    else
        stage_note="${stage_note:+$stage_note, }$model $batch: failed"
        row ours "$model" "$batch" "$strategy${*:+ $*}" "$precision" - - - - - "$(essence "$log")"
    fi
    rm -f "$file"
}

known() { echo "${1:--}"; }

# pytorch SECONDS ARGUMENT...: pytorch_peer.py as a part; its rows become figures.
pytorch() {
    local limit=$1 rows=$work/.rows rest
    shift
    if [ -z "$python" ]; then
        skip 'no python3'
        return
    fi
    : >"$rows"
    rest=$(((stage_end - $(now)) / 1000))
    [ "$rest" -le $((limit * seconds / total)) ] || rest=$((limit * seconds / total))
    [ "$device" != cpu ] || set -- --device cpu "$@"
    part "$limit" peer_process "$rows" --time-limit $((rest > 6 ? rest - 4 : 1)) "$@"
    if grep -q 'PyTorch is not installed\|PyTorch sees no' "$log"; then
        skip "$(grep -o 'PyTorch .*' "$log" | head -n 1)"
        failed_part=()
        return
    fi
    grep '^pytorch' "$rows" >>"$work/figures.tsv"
    grep '^ceiling' "$rows" | cut -f2- >"$work/ceilings.tsv"
    [ -s "$work/ceilings.tsv" ] || rm -f "$work/ceilings.tsv"
    rm -f "$rows"
    stage_note="$(grep -c '^pytorch' "$log") configurations, $(grep '^pytorch' "$log" | awk -F'\t' '$7 != "-"' | wc -l) measured"
}

peer_process() {
    local rows=$1
    shift
    set -o pipefail
    "$python" "$home/pytorch_peer.py" "$@" | tee "$rows"
}

# Starts torch.compile beside the checks, which leave most processors alone. Not on a card for one process at a time.
compile_in_background() {
    [ -n "$python" ] && [ "$device" != cpu ] && [ $small = no ] && [ "$(nproc 2>/dev/null || echo 1)" -ge 8 ] || return
    nvidia-smi --query-gpu=compute_mode --format=csv,noheader 2>/dev/null | head -n 1 | grep -q Default || return
    mkdir -p "$TORCHINDUCTOR_CACHE_DIR" || return
    launch "$work/compile.log" "$python" "$home/pytorch_peer.py" --compile-only --limit 150 "$@"
    background=$launched
}

# Ends the compilation and packs what it left, for the script that measures compiled code.
stop_compiling() {
    [ -n "$background" ] || return
    stop "$background"
    background=
    if tar -C "$TORCHINDUCTOR_CACHE_DIR" -cz . >"$out/.cache.new" 2>/dev/null &&
        [ "$(wc -c <"$out/.cache.new")" -le $CACHE_BYTES ]; then
        mv -f "$out/.cache.new" "$out/compile-cache.tgz"
    else
        rm -f "$out/.cache.new"
        echo "$script: the cache of torch.compile is not kept: larger than $CACHE_BYTES bytes, or the disk is full" >>"$work/compile.log"
    fi
}

# ---------------------------------------------------------------- stages of both scripts

machine() {
    part 10 about_the_machine
    nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -n 1 >"$work/card"
    [ $stage_result != failed ] || stage_result=ok
    stage_note=$(head -n 1 "$work/card" | grep . || echo 'no nvidia-smi')
    failed_part=()
}

about_the_machine() {
    uname -a
    nproc
    free -m
    if command -v nvidia-smi >/dev/null; then
        nvidia-smi
        nvidia-smi -q -d CLOCK,POWER,COMPUTE,ECC
    else
        echo 'no nvidia-smi'
    fi
}

contract() {
    local select=--select-class=org.densenet4j.contract.CudaContractTest halves=CudaBFloat16ContractTest
    [ "$device" != cpu ] || select=--select-class=org.densenet4j.contract.CpuVectorContractTest
    [ "$device" != cpu ] || halves=CpuVectorBFloat16ContractTest
    select=("$select")
    if [ $small = yes ]; then
        select=("--select-unique-id=[engine:junit-jupiter]/[class:${select#*=}]/[nested-class:ProductsOfTheBackend]")
    else
        # In bf16, what libraries and fused kernels compute; other kernels are the same sources.
        halves="--select-unique-id=[engine:junit-jupiter]/[class:org.densenet4j.contract.$halves]/[nested-class:"
        local nested
        for nested in Products Convolutions AlignedPointwiseConvolutions AppendedConvolutions; do
            select+=("${halves}${nested}OfTheBackend]")
        done
    fi
    export CUDA_LAUNCH_BLOCKING=1
    test_flags=(-Ddensenet4j.synchronous=true)
    part 999 tests "${select[@]}"
    test_flags=()
    unset CUDA_LAUNCH_BLOCKING
}

parity() {
    local case
    for case in golden/*.safetensors; do
        part 999 engine parity "$case" --device "$device" || return
        [ $small = no ] || return 0
    done
}

strategies() {
    local hardware=org.densenet4j.hardware
    if [ $small = yes ]; then
        part 999 tests "--select-iteration=method:$hardware.StrategiesOnDeviceTest#everyStrategyTakesTheSameSteps(java.lang.String, boolean)[2]"
        return
    fi
    part 14 tests --select-class=$hardware.StrategiesOnDeviceTest
    part 999 tests --select-class=$hardware.StagingOnDeviceTest \
        "--select-method=$hardware.TrainingOnDeviceTest#recordedStepsTrainLikeTheCpu()"
}
