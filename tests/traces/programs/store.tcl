# As store.py: elements of an array.
array set held {0 0 1 0 2 0 3 0}
while {[gets stdin line] >= 0 && $line ne "q"} {
	lassign $line which want
	while {$held($which) < $want} {
		set store($which,$held($which)) [string repeat x 16384]$held($which)
		incr held($which)
	}
	while {$held($which) > $want} {
		incr held($which) -1
		unset store($which,$held($which))
	}
}
