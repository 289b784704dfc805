# What both launchers, densenet4j and the one of scripts/gpu-bundle, do before they start Java. Sourced; it defines
# options, the list of DENSENET4J_OPTS, and needs a function fail.
# shellcheck shell=bash

# Java takes the characters of files' names from the locale. Where that knows ASCII only (LC_ALL=C, an
# empty environment as in most containers, a LANG that is not installed) it would read every other
# character as the same one, and two class folders as one class. Other locales stay as they are.
set_locale() {
    local candidate
    if ! command -v locale >/dev/null; then
        case "${LC_ALL:-${LC_CTYPE:-${LANG:-C}}}" in
            C | POSIX) export LC_ALL=C.UTF-8 ;;
        esac
        return
    fi
    case "$(locale charmap 2>/dev/null)" in
        ANSI_X3.4-1968 | US-ASCII | 646 | "") ;;
        *) return ;;
    esac
    for candidate in C.UTF-8 C.utf8 en_US.UTF-8 $(locale -a 2>/dev/null | sed -n '/[Uu][Tt][Ff]-*8$/p'); do
        if [ "$(env LC_ALL="$candidate" locale charmap 2>/dev/null)" = UTF-8 ]; then
            export LC_ALL="$candidate"
            return
        fi
    done
}

# Splits DENSENET4J_OPTS at blanks outside of quotes, as a shell would, but expands nothing.
split_options() {
    local option
    options=()
    case "${DENSENET4J_OPTS:-}" in
        "") ;;
        *[\"\'\\]*)
            printf '%s' "$DENSENET4J_OPTS" | xargs printf '' 2>/dev/null ||
                fail "DENSENET4J_OPTS cannot be split, such as for a quote without its other one: $DENSENET4J_OPTS"
            while IFS= read -r -d '' option; do
                options+=("$option")
            done < <(printf '%s' "$DENSENET4J_OPTS" | xargs printf '%s\0')
            ;;
        *) IFS=$' \t\n' read -r -d '' -a options < <(printf '%s' "$DENSENET4J_OPTS") || true ;;
    esac
}

# A closed descriptor would be given to the first file that Java opens, and get what is printed.
# Output that was closed stays one that cannot be written, which is an error.
{ : <&0; } 2>/dev/null || exec 0</dev/null
{ : >&1; } 2>/dev/null || exec 1</dev/null
: >&2 || exec 2>/dev/null

set_locale
split_options
