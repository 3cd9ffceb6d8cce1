#!/bin/sh
# A batch job that reports to jobbad with nothing but curl: it packs each FILE with gzip.
#
# usage: example-job.sh URL ID FILE...    URL: of jobbad; ID: of the status
set -u
status=$1/statuses/$2
total=$(($# - 2))
shift 2

# report METHOD PATH [BODY]: a change of the status; no answer is wanted but that it was made.
report() {
  curl -sSf -X "$1" -H 'Content-Type: application/json' -H 'Prefer: return=minimal' ${3:+-d "$3"} "$status$2"
}

is_asked_to_stop() {
  curl -sSf "$status?fields=kill_requested" | grep -q true
}

# A JSON string of a text without control characters.
quoted() {
  printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g' | tr -d '[:cntrl:]')"
}

report POST /started
done=0
for file; do
  if is_asked_to_stop; then
    report POST /killed
    echo "stopped after $done of $total"
    exit 3
  fi
  if ! message=$(gzip -kfn -- "$file" 2>&1); then
    report POST /failed "{\"error\":{\"file\":$(quoted "$file"),\"message\":$(quoted "$message")}}"
    echo "failed: $message"
    exit 1
  fi
  done=$((done + 1))
  report PUT /progress "{\"at\":$done,\"out_of\":$total}"
  echo "packed $file"
done
report POST /succeeded
echo "done"
