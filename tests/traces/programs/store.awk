# As store.py: strings in an array.
BEGIN { for (block = "0123456789"; length(block) < 16000;) block = block block }
/^q/ { exit }
{
	while (held[$1] < $2)
		store[$1, held[$1]++] = block held[$1]
	while (held[$1] > $2)
		delete store[$1, --held[$1]]
}
