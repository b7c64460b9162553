# As store.py: elements of an array, which bash keeps as copies.
printf -v block '%16000s' x
held=(0 0 0 0)
while read -r which want && [ "$which" != q ]; do
	while ((held[which] < want)); do
		store[which * 1000000 + held[which]++]=$block
	done
	while ((held[which] > want)); do
		unset "store[which * 1000000 + --held[which]]"
	done
done
