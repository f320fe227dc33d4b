#!/usr/bin/env bash
# charset-normalizer takes Swedish written by Windows for Central European.
#
# Seen with charset-normalizer 3.5.3 on 2026-11-30: 20 lines of plain Swedish in cp1252 are guessed to be cp1250, so
# that "på lördag" becomes "pĺ lördag": every letter å is wrong, and nothing says that the guess was unsure.
# Why it matters: a guess of this kind makes other ids of the same bytes. penchant/logs/formats/dialect.py takes
# bytes that are no UTF-8 for cp1252 if they look like Western European, says so in what `penchant check` prints,
# and asks otherwise.
# Fails if the guess is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check charset-normalizer==3.5.3
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import charset_normalizer

print("charset-normalizer", charset_normalizer.__version__)
text = "user,item\n" + "Måns Öberg,Smörgås och köttbullar på lördag\n" * 20
best = charset_normalizer.from_bytes(text.encode("cp1252")).best()
print(best.encoding, repr(str(best).splitlines()[1]))
assert str(best) != text, "Swedish is found now: think again about guesses in penchant/logs/formats/dialect.py"
assert "å" not in str(best)
PYTHON
