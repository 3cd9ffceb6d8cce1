#!/bin/sh
# A job that reports to jobbad with curl: it counts the lines of files. docs/workers.md tells why it does what it does.
#
# usage: worker.sh URL ID FILE...    URL: of jobbad, such as http://localhost:8080; ID: of the status
set -u
id=$2 status=$1/statuses/$2
shift 2
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# The pause before the n-th repetition: 0.1 s, then twice as long each time up to 5 s; of that, between a half and all.
pause() {
  awk -v n="$1" -v r="$(od -An -N2 -tu2 /dev/urandom)" \
    'BEGIN { s = 0.1 * 2 ^ (n - 1); print (s < 5 ? s : 5) * (0.5 + r / 131070) }'
}

# send METHOD URL [BODY]: until there is an answer, always with the same key; its JSON is in $answer, its status code
# in $code. If curl finds an answer's headers cut off it may say success, with nothing in the file.
send() {
  key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  for try in 1 2 3 4 5 6 7 8 9 10 11 12; do
    : >"$answer"
    if code=$(curl -sS --max-time 5 -o "$answer" -w '%{http_code}' -X "$1" -H "Idempotency-Key: $key" \
      -H 'Content-Type: application/json' ${3:+-d "$3"} "$2") && [ -s "$answer" ]; then
      case $code in 502 | 503 | 504) ;; *) return ;; esac
    fi
    sleep "$(pause $try)"
  done
  echo "$1 $2: no answer" >&2
  exit 4
}

# report METHOD PATH [BODY]: a change, if this is still the attempt at work: a late report must not get into the next.
report() {
  send "$1" "$status$2?attempt=$attempt" ${3:+"$3"}
  check
}

check() {
  if [ "$code" -ge 300 ]; then
    echo "$code: $(member title)" >&2
    exit 4
  fi
}

# The first member of that name in the answer, a string.
member() {
  grep -o "\"$1\":\"[^\"]*" "$answer" | head -n 1 | cut -d '"' -f 4
}

# A JSON string of a text without control characters.
quoted() {
  printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g' | tr -d '[:cntrl:]')"
}

# A claim: of several workers that try, one succeeds.
send POST "$status/started?if_state=unqueued,queued,failed"
if [ "$code" = 409 ]; then
  echo "not mine: $id is $(member state)"
  exit 2
fi
check
attempt=$(sed -n 's/.*"attempt":\([0-9]*\),"recorded_at".*/\1/p' "$answer")
echo "started $id, attempt $attempt"

n=0 lines=0 unreadable=0
for file; do
  if grep -q '"kill_requested":true}$' "$answer"; then # each answer tells
    report POST /killed
    echo "killed after $n of $# files"
    exit 3
  fi
  if found=$(wc -l 2>/dev/null <"$file"); then
    lines=$((lines + found))
    printf '%s: %d lines\n' "$file" "$found"
  else
    unreadable=$((unreadable + 1))
    printf "%s: can't be read\n" "$file"
    report POST /errors "{\"file\":$(quoted "$file"),\"message\":\"can't be read\"}"
  fi
  n=$((n + 1))
  report PUT /progress "{\"at\":$n,\"out_of\":$#}"
done
if [ $unreadable -gt 0 ]; then
  report POST /failed
  echo "failed: $unreadable of $# files can't be read"
  exit 1
fi
report POST /succeeded "{\"data\":{\"lines\":$lines}}"
echo "done: $lines lines"
