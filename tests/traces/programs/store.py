# Four stores; a line "STORE BLOCKS" on stdin says how many blocks of 16 KiB one is to hold, "q" ends.
import sys

kind = sys.argv[1] if len(sys.argv) > 1 else "bytes"
stores = [[], [], [], []]
serial = 0


def block():
    global serial
    serial += 1
    if kind == "bytes":
        return bytearray(b"x" * 16384)
    if kind == "dict":  # many small objects
        return {f"key-{serial}-{i}": serial * 1000 + i for i in range(130)}
    return ("%d-" % serial) * 3000  # str


while True:
    line = sys.stdin.readline()
    if not line or line[0] == "q":
        break
    which, want = map(int, line.split())
    store = stores[which]
    while len(store) < want:
        store.append(block())
    del store[want:]
