#!/usr/bin/env bash
# The worst day: home, configuration, cache, catalog and all mirrors but one are gone, each mirror in
# turn, and the commands that stand in docs/disaster.md, taken from the page as they are, bring every
# snapshot back, compared by diff and by find. Only the places differ: /media and /mnt lie below a
# temporary directory. Needs the built program.
set -u
cd "$(dirname "$0")/../.." || exit 1
repository=$PWD
export PATH="$repository/node_modules/.bin:$PATH" VERSIONS_CONFIG='' TZ=UTC
unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME XDG_STATE_HOME

work=$(mktemp -d)
trap 'chmod -R u+rwX "$work"; rm -rf "$work"' EXIT
mkdir -p "$work/bin"
printf '#!/bin/sh\nexec node %q "$@"\n' "$repository/bin/versions.js" >"$work/bin/versions"
chmod +x "$work/bin/versions"
PATH="$work/bin:$PATH"

passed=0
failed=0
check() {
  local what=$1
  shift
  if "$@" >"$work/out" 2>&1; then
    passed=$((passed + 1))
    echo "ok      $what"
  else
    failed=$((failed + 1))
    echo "FAILED  $what (exit code $?): $*"
    tail -n 20 "$work/out"
  fi
}

# page HEADING: the commands in that section of the page, one a line, with the places of this world.
page() {
  awk -v heading="### $1" '
    $0 == heading { inside = 1; next }
    inside && /^##+ / { exit }
    inside && /^```sh/ { code = 1; next }
    /^```/ { code = 0 }
    inside && code && NF' "$repository/docs/disaster.md" |
    sed -e "s#/media/#$world/media/#g" -e "s#/mnt/#$world/mnt/#g" -e 's#  *\#.*##'
}

# follow NUMBER HEADING: runs one of the commands of a section.
follow() {
  local command
  command=$(page "$2" | sed -n "${1}p")
  [ -n "$command" ] || { echo "there is no command $1 under $2"; return 99; }
  echo "\$ $command"
  (cd "$HOME" && eval "$command")
}

# Everything about a tree that diff does not tell.
facts() {
  (cd "$1" && find . -mindepth 1 -printf '%P %y %m %U %G %n %T@ %l\n' | LC_ALL=C sort)
}
same() { diff -r --no-dereference "$1" "$2" && diff <(facts "$1") <(facts "$2"); }

# The first life: three mirrors, two sources, several snapshots of each.
world=$work/world
export HOME=$world/home/ann
mkdir -p "$HOME/Documents/letters" "$HOME/Pictures" "$world/media" "$world/mnt" "$work/kept"
first() {
  head -c 3000000 /dev/urandom >"$HOME/Documents/large"
  for number in $(seq 300); do echo "letter $number" >"$HOME/Documents/letters/$number.txt"; done
  ln -s letters/1.txt "$HOME/Documents/link"
  ln "$HOME/Documents/large" "$HOME/Documents/large-again"
  printf 'x' >"$HOME/Documents/"$'odd\n name \xff'
  chmod 0600 "$HOME/Documents/letters/7.txt"
  touch -d '1969-07-20 20:17:40.123456789' "$HOME/Documents/letters/8.txt"
  head -c 500000 /dev/urandom >"$HOME/Pictures/cat.jpg"
}
versions_init() {
  versions init home --mirror usb="$world/media/usb/versions" --mirror nas="$world/mnt/nas/versions" \
    --mirror third="$world/media/third/versions"
}
mkdir -p "$world/media/usb" "$world/mnt/nas" "$world/media/third"
export VERSIONS_HOST=laptop
first
check 'init' versions_init
snapshot=0
save() {
  snapshot=$((snapshot + 1))
  check "backup $snapshot" versions -r home backup "$1"
  mkdir -p "$work/kept/$snapshot"
  cp -a "$1" "$work/kept/$snapshot/"
}
save "$HOME/Documents"
save "$HOME/Pictures"
rm "$HOME/Documents/letters/"1?.txt
echo 'PS' >>"$HOME/Documents/letters/2.txt"
dd if=/dev/urandom of="$HOME/Documents/large" bs=1000 count=1 seek=1500 conv=notrunc status=none
save "$HOME/Documents"
head -c 500000 /dev/urandom >"$HOME/Pictures/dog.jpg"
save "$HOME/Pictures"
check 'key export' sh -c "versions -r home key export > '$work/home.key'"
mv "$world" "$work/original"
saved=/home/ann

# restored NUMBER DIRECTORY: what came back of a snapshot, below the path that it was saved from.
compare_all() {
  local ids number name
  mapfile -t ids < <(cd "$HOME" && versions "$@" snapshots --json 2>/dev/null | grep -o '"type":"snapshot","id":"[0-9a-f]*"' | cut -d'"' -f8)
  check "$snapshot snapshots are there" [ "${#ids[@]}" -eq "$snapshot" ]
  for number in $(seq "$snapshot"); do
    rm -rf "$HOME/back"
    check "restore snapshot $number" restore "${ids[number - 1]:-none}" "$@"
    name=$(ls "$work/kept/$number")
    check "snapshot $number is the same" same "$work/kept/$number/$name" "$HOME/back$world$saved/$name"
  done
}
restore() {
  local id=$1 code=0
  shift
  (cd "$HOME" && versions "$@" restore "$id" -t "$HOME/back") || code=$?
  # 3: an ordinary user cannot give the directories above to root.
  [ "$code" -eq 0 ] || { [ "$code" -eq 3 ] && [ "$(id -u)" -ne 0 ]; }
}

# new_world MIRROR...: a machine on which nothing is left but these mirrors and the key on paper.
new_world() {
  chmod -R u+rwX "$world" 2>/dev/null
  rm -rf "$world"
  mkdir -p "$HOME" "$world/media/usb" "$world/mnt/nas" "$world/media/spare"
  cp "$work/home.key" "$HOME/home.key"
  for mirror in "$@"; do
    mkdir -p "$world/$(dirname "${mirror#*=}")"
    cp -a "$work/original/${mirror%%=*}" "$world/${mirror#*=}"
  done
}

for mirror in media/usb/versions mnt/nas/versions media/third/versions; do
  echo "--- only $mirror is left"
  new_world "$mirror=media/usb/versions"
  check 'the page lists the snapshots' follow 1 'The computer is gone'
  check 'the page restores the last one' follow 2 'The computer is gone'
  compare_all -r "$world/media/usb/versions" --key-file home.key
  check 'the page verifies the mirror' follow 1 'Files are ruined (ransomware)'
done

echo '--- the new machine goes on, with two mirrors'
new_world media/usb/versions=media/usb/versions mnt/nas/versions=mnt/nas/versions
export VERSIONS_HOST=desk
check 'the page connects' follow 3 'The computer is gone'
mkdir -p "$HOME/Documents"
echo 'a new life' >"$HOME/Documents/new.txt"
check 'the page backs up' follow 4 'The computer is gone'
VERSIONS_HOST=laptop
compare_before=$snapshot
save_after() { mkdir -p "$work/kept/$((snapshot + 1))" && cp -a "$HOME/Documents" "$work/kept/$((snapshot + 1))/"; }
save_after
snapshot=$((compare_before + 1))
compare_all -r home

echo '--- then one of its mirrors'
mv "$world/media/usb" "$world/media/gone"
(cd "$HOME" && versions -r home backup "$HOME/Documents" >/dev/null 2>&1)
check 'a backup without it ends with 3' [ $? -eq 3 ]
mv "$world/media/gone" "$world/media/usb"
check 'the page fills it when it is back' follow 1 'One mirror is gone'
rm -rf "$world/media/usb"
check 'the page adds another' follow 2 'One mirror is gone'
check 'the page gives the lost one up' follow 3 'One mirror is gone'
check 'what is left is whole' versions -r home verify --level data
mapfile -t places < <(printf '%s\n' "$world/mnt/nas/versions" "$world/media/spare/versions")
check 'both mirrors hold the same' diff -r --exclude=mirror --exclude=quarantine "${places[@]}"

# follow_all HEADING: every command of a section.
follow_all() {
  local number
  for number in $(seq "$(page "$1" | wc -l)"); do
    check "the page under \"$1\", command $number" follow "$number" "$1"
  done
}
again() {
  check "$1" versions -r home backup "$HOME/Documents"
  save_after
  snapshot=$((snapshot + 1))
}
catalog=$HOME/.local/share/versions/home/catalog.db

echo '--- then its catalog'
# The backup without the mirror.
save_after
snapshot=$((snapshot + 1))
cp "$catalog" "$work/last-week.db"
rm "$catalog"
follow_all 'The catalog is lost'
again 'a backup after it'
compare_all -r home
check 'what is left is whole' versions -r home verify --level data

echo '--- the catalog of last week is put back'
cp "$work/last-week.db" "$catalog"
(cd "$HOME" && versions -r home backup "$HOME/Documents" >/dev/null 2>&1)
check 'it is seen to be old' [ $? -eq 11 ]
follow_all 'The catalog is lost'
compare_all -r home
cp "$catalog" "$work/yesterday.db"
again 'a backup'
cp "$work/yesterday.db" "$catalog"
again 'one of yesterday is brought up to date'
compare_all -r home

echo '--- every journal is lost, and the catalog'
rm -r "$catalog" "$world/mnt/nas/versions/journal" "$world/media/spare/versions/journal"
follow_all 'The journal is damaged'
compare_all -r home
check 'what is left is whole' versions -r home verify --level data

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
