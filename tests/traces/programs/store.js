// As store.py.  Kinds: buffer, object (many small ones, with garbage), string.
const kind = process.argv[2] || 'buffer';
const stores = [[], [], [], []];
let serial = 0;

function block() {
  serial++;
  if (kind === 'buffer') return Buffer.alloc(16384, 1);
  if (kind === 'object') {
    const list = [];
    for (let i = 0; i < 200; i++) list.push({ id: serial * 1000 + i, name: 'n' + serial + i, at: [i, serial] });
    return list;
  }
  return Buffer.alloc(16384, 48 + (serial % 10)).toString('latin1');
}
require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  if (line[0] === 'q') process.exit(0);
  const [which, want] = line.split(' ').map(Number);
  const store = stores[which];
  while (store.length < want) store.push(block());
  store.length = want;
});
