"""Makes hashes.json: what libxcrypt (crypt(3)) and OpenSSL say. `python3 make.py > hashes.json`, with Python before 3.13.

Needed only to make the file anew; the tests read the file.
"""

import crypt
import json
import subprocess

PASSWORDS = ["", "a", "correct horse battery staple", "pässwörd €", "x" * 71, "y" * 72, "y" * 72 + "z", "\x01~" * 20]
SALTS = [
    "$2b$04$abcdefghijklmnopqrstuu",
    "$2y$05$CCCCCCCCCCCCCCCCCCCCC.",
    "$5$rounds=1000$short",
    "$6$rounds=1234$sixteencharacter",
]
SLOW = ["$5$salt", "$6$saltsalt"]


def apr1(password):
    command = ["openssl", "passwd", "-apr1", "-salt", "r31....", "--", password]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


pairs = [[p, crypt.crypt(p, salt)] for p in PASSWORDS for salt in SALTS]
pairs += [[p, crypt.crypt(p, salt)] for p in PASSWORDS[:2] for salt in SLOW]
pairs += [[p, apr1(p)] for p in PASSWORDS if p]
print("[\n" + ",\n".join("  " + json.dumps(pair) for pair in pairs) + "\n]")
